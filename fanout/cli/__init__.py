"""The commands of `fanout`, one in each module."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from fanout.errors import ExitCode, FanoutError

P = ParamSpec("P")


def returns_exit_code(command: Callable[P, ExitCode]) -> Callable[P, None]:
    """Exits with the result of a command, or shows its error in one line. Adds --debug, which shows the traceback."""

    @click.option("--debug", is_flag=True, help="Show a traceback with an error.")
    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        debug = kwargs.pop("debug", False)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the command cleanly, as Ctrl-C does
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
