"""What commands that compare runs have in common: their options, and what becomes of the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from fanout.baselines import save_baseline
from fanout.compare import Row
from fanout.errors import ExitCode, UsageError
from fanout.gates import ALLOWED, Gate, parse_gate
from fanout.judgement import judge
from fanout.report import Report, append_to_job_summary, formats, render, with_gates, write

P = ParamSpec("P")
R = TypeVar("R")


class GateType(click.ParamType[Gate]):
    """A gate on the command line."""

    name = "gate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Gate:  # noqa: ANN401
        try:
            return value if isinstance(value, Gate) else parse_gate(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


@dataclass(frozen=True)
class Asked:
    """What the user wants of a comparison; the fields are the options' names."""

    format_name: str
    gate: tuple[Gate, ...]
    junit: Path | None
    report: Path | None
    save_baseline: str | None


_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option(
        "--format",
        "format_name",
        type=click.Choice(formats()),
        default="text",
        show_default=True,
        help="How to print it.",
    ),
    click.option("--gate", type=GateType(), multiple=True, metavar="GATE", help=f"What has to hold: {ALLOWED}."),
    click.option("--junit", type=_FILE, help="Writes what the gates say as JUnit XML."),
    click.option("--report", type=_FILE, help="Writes one HTML file with charts."),
    click.option("--save-baseline", metavar="NAME", help="Keeps the runs under this name, for --baseline NAME."),
)


def comparison_options(command: Callable[..., R]) -> Callable[..., R]:
    """Adds --format, --gate, --junit, --report and --save-baseline, which the command gets as `asked`."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> R:  # noqa: ANN401
        asked = Asked(**{field.name: kwargs.pop(field.name) for field in fields(Asked)})
        return command(*args, asked=asked, **kwargs)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def conclude(report: Report, asked: Asked, results: Path, *, judged: Sequence[Row], implied: bool) -> ExitCode:
    """Judges these rows, prints the report and writes what was asked for; the exit code is what the gates say.

    With `implied`, a question that fails is a gate that fails. Raises FanoutError.
    """
    report = with_gates(report, judge(judged, asked.gate, implied=implied))
    if asked.junit and not report.gates:
        raise UsageError("--junit has nothing to write; allowed: with a --gate, or with scenarios that have gates")
    click.echo(render(report, asked.format_name), nl=False)
    if asked.junit:
        write(render(report, "junit"), asked.junit)
    if asked.report:
        write(render(report, "html"), asked.report)
    append_to_job_summary(render(report, "markdown"))
    if asked.save_baseline:
        saved = save_baseline(_directories(judged), asked.save_baseline, results)
        click.echo(f"saved {saved}; compare with it by --baseline {asked.save_baseline}", err=True)
    return ExitCode.FAILED if report.passed is False else ExitCode.PASSED


def _directories(rows: Sequence[Row]) -> list[Path]:
    runs = [run.run for row in rows for run in row.repeats.runs]
    if None in runs:
        raise UsageError("--save-baseline keeps run directories; allowed: without Locust's own CSV files")
    return [run.directory for run in runs if run is not None]
