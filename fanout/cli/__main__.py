"""The command `fanout`, of which scripts/ are shims. A command's module is imported when the command is used."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from fanout import __version__
from fanout.errors import ExitCode
from fanout.paths import typed
from fanout.text import printable

COMMANDS = {
    "bench": "Run scenarios and compare what they measured.",
    "compare": "Compare runs that are on disk.",
    "sweep": "Run a scenario with every combination of some keys' values.",
    "soak": "Run a scenario for a while, and fail when anything grows.",
    "ablation": "Run every combination of what could have mattered in the published runs.",
}


class _Command(click.Command):
    """Stands for the `main` of the module in fanout/cli/ that has its name."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401
    ) -> click.Context:
        """The real command's, without a parent, so that its usage line is what the user typed."""
        assert info_name is not None
        command: click.Command = importlib.import_module(f"fanout.cli.{info_name}").main
        return command.make_context(typed(info_name), args, **extra)


@click.group(commands=[_Command(name, help=told) for name, told in COMMANDS.items()], no_args_is_help=False)
@click.version_option(__version__, prog_name="fanout", message="%(prog)s %(version)s")
def cli() -> None:
    """Load-tests coordinators that talk to N agents through httpx."""


def main() -> None:
    """Runs the command line. A mistake in it is one line and exit code 2."""
    try:
        sys.exit(cli(standalone_mode=False))
    except click.UsageError as error:
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        click.echo(f"error: {printable(error.format_message())}{hint}", err=True)
        sys.exit(error.exit_code)
    except click.Abort:  # Ctrl-C while a command's module is imported
        click.echo("interrupted", err=True)
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
