"""The options and the output that all commands that compare runs have in common."""

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
from fanout.processes.machine_room import check_room
from fanout.report import Report, formats, render, with_gates
from fanout.runs.baselines import FOLDER, checked_name, save_baseline
from fanout.scenario import Scenario
from fanout.scenario.gate_syntax import ALLOWED, BASELINE, Gate, parse_gate

R = TypeVar("R")


class GateType(click.ParamType[Gate]):
    """The type of --gate."""

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
class ComparisonOptions:
    """The options of a comparison. The fields have the options' names."""

    format_name: str
    gate: tuple[Gate, ...]
    junit: Path | None
    report: Path | None
    strict_gates: bool
    save_baseline: str | None

    @property
    def shows_charts(self) -> bool:
        """Whether a report with charts is asked for."""
        return self.report is not None or self.format_name == "html"

    def prepare(self, scenarios: Sequence[Scenario], *, has_baseline: bool) -> None:
        """Checks before the runs what would otherwise fail after them, and removes output files of earlier runs.

        Raises UsageError for a gate against a baseline if there will be none. Raises CouldNotRunError for a file that
        can't be removed, for too few file descriptors, and for agents that this installation can't start.
        """
        gates = [*self.gate, *(parse_gate(text) for scenario in scenarios for text in scenario.gates)]
        if not has_baseline and (relative := next((gate for gate in gates if gate.of == BASELINE), None)):
            raise UsageError(
                f"gate {relative}: there is no baseline to compare with; allowed: with a second scenario, or with "
                f"{typed('bench')} --baseline RUN|NAME"
            )
        for scenario in scenarios:
            require_agents(scenario)
            make_room(needed(scenario, coordinators=1))
            check_room(scenario, coordinators=1)
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
        help="The format of the printed report.",
    ),
    click.option(
        "--gate",
        type=GateType(),
        multiple=True,
        metavar="GATE",
        help=f"A condition on the results: {ALLOWED}. Can be repeated.",
    ),
    click.option(
        "--strict-gates", is_flag=True, help="Fail gates against a baseline unless the runs show that they hold."
    ),
    click.option("--junit", type=_FILE, help="Write the results of the gates as JUnit XML."),
    click.option("--report", type=_FILE, help="Write an HTML report with charts."),
    click.option(
        "--save-baseline", metavar="NAME", callback=_name, help="Save the runs under this name, for --baseline NAME."
    ),
)


def comparison_options(command: Callable[..., R]) -> Callable[..., R]:
    """Adds the options of every comparison, such as --gate. The command receives them as `options`."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> R:  # noqa: ANN401
        options = ComparisonOptions(**{field.name: kwargs.pop(field.name) for field in fields(ComparisonOptions)})
        return command(*args, options=options, **kwargs)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def conclude(
    report: Report,
    options: ComparisonOptions,
    results: Path,
    *,
    judged: Sequence[Row],
    implied: bool,
    unjudged: Sequence[Judgement] = (),
) -> ExitCode:
    """Judges the rows, prints the report and writes the requested files. The exit code tells whether all gates passed.

    With `implied`, a failed question fails a gate. `unjudged` are judgements on rows that lack runs. Raises
    FanoutError.
    """
    gates = [*judge(judged, options.gate, implied=implied, strict=options.strict_gates), *unjudged]
    if options.gate and not gates:
        raise NoDataError("there is no run to judge: name a run besides the baseline")
    if (options.junit or options.format_name == "junit") and not gates:
        raise UsageError(
            "there are no gates to write as JUnit XML; allowed: with --gate, or with scenarios that have gates"
        )
    kept = _directories(judged) if options.save_baseline else []
    report = with_gates(report, gates)
    click.echo(render(report, options.format_name), nl=False)
    if options.junit:
        write(render(report, "junit"), options.junit)
    if options.report:
        write(render(report, "html"), options.report)
    append_to_job_summary(render(report, "markdown"))
    if options.save_baseline:
        _save(kept, options.save_baseline, results, passed=report.passed is not False)
    return ExitCode.FAILED if report.passed is False else ExitCode.PASSED


def _directories(rows: Sequence[Row]) -> list[Path]:
    runs = [run.run for row in rows for run in row.repeats.runs]
    if None in runs or not runs:
        raise UsageError("--save-baseline needs run directories; allowed: with runs besides the baseline")
    return [run.directory for run in runs if run is not None]


def _save(directories: Sequence[Path], name: str, results: Path, *, passed: bool) -> None:
    if not passed:
        click.echo(f"not saved as {name}, since the gates did not pass", err=True)
        return
    replaced = ", in place of the earlier runs" if (results / FOLDER / name).exists() else ""
    saved = save_baseline(directories, name, results)
    click.echo(f"saved {saved}{replaced}; compare with it using --baseline {name}", err=True)


def with_notes(report: Report, notes: Sequence[str]) -> Report:
    """The report with further notes."""
    return replace(report, notes=[*report.notes, *notes])
