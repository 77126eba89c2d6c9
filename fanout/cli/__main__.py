"""The command `fanout`, which scripts/ call. The module of a command is imported only when the command is used."""

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
    "agents": "Run a scenario's agents for others to ask.",
    "audit": "Say which settings of scenarios contradict each other, without a run.",
    "bench": "Run scenarios and compare them.",
    "compare": "Compare stored runs.",
    "sweep": "Run a scenario with every combination of some keys' values.",
    "soak": "Run a scenario for a while, and fail if a process leaks.",
    "scaling": "Write what a sweep over the number of agents has found.",
    "ablation": "Test every suspected cause of the published latency.",
}


class _Command(click.Command):
    """Stands for `main` in the module of fanout/cli/ that has the command's name."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401
    ) -> click.Context:
        """The context of the real command, without a parent, so that the usage line shows what the user typed."""
        assert info_name is not None
        command: click.Command = importlib.import_module(f"fanout.cli.{info_name}").main
        return command.make_context(typed(info_name), args, **extra)


@click.group(commands=[_Command(name, help=text) for name, text in COMMANDS.items()], no_args_is_help=False)
@click.version_option(__version__, prog_name="fanout", message="%(prog)s %(version)s")
def cli() -> None:
    """Load-test coordinators that send questions to N agents through httpx."""


def main() -> None:
    """Runs the command line. Wrong usage is an error of one line, with exit code 2."""
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
