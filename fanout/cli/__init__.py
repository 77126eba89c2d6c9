"""The commands of `fanout`, a module each."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from fanout.errors import ExitCode, FanoutError

P = ParamSpec("P")


def exits_in_words(command: Callable[P, ExitCode]) -> Callable[P, None]:
    """Makes a command's result its exit code, and its errors one line each; --debug, which it adds, shows more."""

    @click.option("--debug", is_flag=True, help="Show a traceback with an error.")
    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        debug = kwargs.pop("debug", False)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends in order, as Ctrl-C does
        try:
            code = command(*args, **kwargs)
        except FanoutError as error:
            if debug:
                raise
            click.echo(f"error: {error}" if "\n" not in str(error) else str(error), err=True)
            code = error.exit_code
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            code = ExitCode.INTERRUPTED
        sys.exit(code)

    return wrapped
