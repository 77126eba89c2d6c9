"""What commands that compare runs have in common: their options, and what becomes of the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from fanout.agents.handle import require_agents
from fanout.analysis.compare import Row
from fanout.analysis.gate_results import Judgement, judge
from fanout.errors import ExitCode, NoDataError, UsageError
from fanout.files import append_to_job_summary, remove_earlier, write
from fanout.paths import typed
from fanout.processes.fd_limits import make_room, needed
from fanout.report import Report, formats, render, with_gates
from fanout.runs.baselines import FOLDER, checked_name, save_baseline
from fanout.scenario import Scenario
from fanout.scenario.gate_syntax import ALLOWED, BASELINE, Gate, parse_gate

R = TypeVar("R")


class GateType(click.ParamType[Gate]):
    """A gate on the command line."""

    name = "gate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Gate:  # noqa: ANN401
        try:
            return value if isinstance(value, Gate) else parse_gate(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


def _name(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else checked_name(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@dataclass(frozen=True)
class Asked:
    """What the user wants of a comparison; the fields are the options' names."""

    format_name: str
    gate: tuple[Gate, ...]
    junit: Path | None
    report: Path | None
    strict_gates: bool
    save_baseline: str | None

    def begin(self, scenarios: Sequence[Scenario], *, has_baseline: bool) -> None:
        """Before runs are made: what could only disappoint at their end. Files of earlier runs are removed.

        Raises UsageError for gates against a baseline where there will be none, CouldNotRunError for a file that can't
        be removed, and where there are too few file descriptors, or no agents to start.
        """
        gates = [*self.gate, *(parse_gate(text) for scenario in scenarios for text in scenario.gates)]
        if not has_baseline and (relative := next((gate for gate in gates if gate.of == BASELINE), None)):
            raise UsageError(
                f"gate {relative}: there is nothing to compare with here; allowed: with a second scenario, or with "
                f"{typed('bench')} --baseline RUN|NAME"
            )
        for scenario in scenarios:
            require_agents(scenario)
            make_room(needed(scenario, coordinators=1))
        for file in filter(None, (self.junit, self.report)):
            remove_earlier(file)


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
    click.option(
        "--strict-gates", is_flag=True, help="Gates against a baseline fail unless the runs show that they hold."
    ),
    click.option("--junit", type=_FILE, help="Writes what the gates say as JUnit XML."),
    click.option("--report", type=_FILE, help="Writes one HTML file with charts."),
    click.option(
        "--save-baseline", metavar="NAME", callback=_name, help="Keeps the runs under this name, for --baseline NAME."
    ),
)


def comparison_options(command: Callable[..., R]) -> Callable[..., R]:
    """Adds the options of every comparison, such as --gate, which the command gets as `asked`."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> R:  # noqa: ANN401
        asked = Asked(**{field.name: kwargs.pop(field.name) for field in fields(Asked)})
        return command(*args, asked=asked, **kwargs)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def conclude(
    report: Report,
    asked: Asked,
    results: Path,
    *,
    judged: Sequence[Row],
    implied: bool,
    unjudged: Sequence[Judgement] = (),
) -> ExitCode:
    """Judges these rows, prints the report and writes what was asked for; the exit code is what the gates say.

    With `implied`, a question that fails is a gate that fails. `unjudged` are gates of runs that aren't there. Raises
    FanoutError.
    """
    gates = [*judge(judged, asked.gate, implied=implied, strict=asked.strict_gates), *unjudged]
    if asked.gate and not gates:
        raise NoDataError("there is no run to judge: name runs besides the baseline")
    if (asked.junit or asked.format_name == "junit") and not gates:
        raise UsageError("JUnit has nothing to write; allowed: with a --gate, or with scenarios that have gates")
    kept = _directories(judged) if asked.save_baseline else []
    report = with_gates(report, gates)
    click.echo(render(report, asked.format_name), nl=False)
    if asked.junit:
        write(render(report, "junit"), asked.junit)
    if asked.report:
        write(render(report, "html"), asked.report)
    append_to_job_summary(render(report, "markdown"))
    if asked.save_baseline:
        _save(kept, asked.save_baseline, results, passed=report.passed is not False)
    return ExitCode.FAILED if report.passed is False else ExitCode.PASSED


def _directories(rows: Sequence[Row]) -> list[Path]:
    runs = [run.run for row in rows for run in row.repeats.runs]
    if None in runs or not runs:
        raise UsageError("--save-baseline keeps run directories; allowed: with runs other than the baseline's own")
    return [run.directory for run in runs if run is not None]


def _save(directories: Sequence[Path], name: str, results: Path, *, passed: bool) -> None:
    if not passed:
        click.echo(f"not saved as {name}, since the gates did not pass", err=True)
        return
    before = " in place of what was there" if (results / FOLDER / name).exists() else ""
    saved = save_baseline(directories, name, results)
    click.echo(f"saved {saved}{before}; compare with it by --baseline {name}", err=True)


def with_notes(report: Report, notes: Sequence[str]) -> Report:
    """The report with more to know before believing it."""
    return replace(report, notes=[*report.notes, *notes])
