"""The results of a sweep as a report: one row for each combination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fanout import report
from fanout.analysis.comparability import mixed
from fanout.analysis.compare import Row, compare_with
from fanout.analysis.notes import notes
from fanout.analysis.repeats import Repeats
from fanout.analysis.row_advice import advice
from fanout.analysis.run_summary import summarize
from fanout.report import Chart, Column, Report, Table, Value
from fanout.runs.reader import Run
from fanout.scenario import flow_text
from fanout.sweep._parameters import Parameter, plain
from fanout.sweep._plan import Combination, Plan
from fanout.text import listed

TABLE_FILE = "sweep.csv"
_MEASURED = {column.key: column.within(lambda outer: outer.row) for column in report.COLUMNS}


@dataclass(frozen=True)
class CombinationRow:
    """A combination and its results."""

    combination: Combination
    row: Row | None
    """None if no run could be made."""
    reference_mean_ms: float | None
    """The reference's mean, if known."""

    @property
    def runs(self) -> int:
        return self.row.runs if self.row is not None else 0

    def all_of(self, figure: str) -> list[float]:
        """A figure of each run, without the unknown ones."""
        runs = self.row.repeats.runs if self.row is not None else ()
        values = [getattr(run, figure) for run in runs]
        return [value for value in values if value is not None]


def rows_of(plan: Plan, runs: Sequence[Sequence[Run]]) -> list[CombinationRow]:
    """A row for each combination; `runs` has the runs of each combination, in the order of their repeats."""
    repeats = [Repeats(tuple(map(summarize, made))) for made in runs if made]
    rows = iter(compare_with(repeats, [None] * len(repeats)))
    beside = plan.reference.mean_ms if plan.reference else [None] * len(plan.combinations)
    return [
        CombinationRow(each, replace(next(rows), label=_label(plan, each)) if made else None, mean_ms)
        for each, made, mean_ms in zip(plan.combinations, runs, beside, strict=True)
    ]


def _label(plan: Plan, combination: Combination) -> str:
    """A combination in short, such as `agents=8, topology=shared`."""
    pairs = zip(plan.parameters, combination.values, strict=True)
    return ", ".join(f"{parameter.word}={flow_text(value)}" for parameter, value in pairs)


def sweep_report(plan: Plan, rows: Sequence[CombinationRow], again: str, chart: Chart | None) -> Report:
    """`again` is the command that makes the missing runs."""
    measured = [each.row for each in rows if each.row is not None]
    return Report(
        [Table(_columns(plan, rows), rows)],
        rows=measured,
        charts=[chart] if chart is not None else [],
        notes=[*_missing(plan, rows, again), *_rescaled(plan), *mixed("the sweep", measured), *notes(measured)],
        advice=advice(measured),
    )


def _columns(plan: Plan, rows: Sequence[CombinationRow]) -> list[Column]:
    """Columns without a title, such as the range over the repeats, are in CSV and JSON only."""
    suspect = any(each.row is not None and each.row.summary.suspect for each in rows)
    return [
        *(_parameter_column(number, parameter) for number, parameter in enumerate(plan.parameters)),
        Column("runs", "runs", lambda each: each.runs),
        replace(
            _MEASURED["questions"], key="questions_ended", title="questions ended"
        ),  # `questions` may be a parameter
        _MEASURED["failed"],
        *_reference_columns(plan),
        *(_MEASURED[key] for key in ("adapter_mean_ms", "adapter_p50_ms", "adapter_p95_ms", "adapter_max_ms")),
        replace(_MEASURED["over_100ms"], title=""),
        _MEASURED["connections_opened"],
        replace(_MEASURED["cpu_ms"], title="CPU ms/question"),
        replace(_MEASURED["memory_mib"], title="memory MiB"),
        _MEASURED["cause"],
        _MEASURED["cause_share"],
        replace(_MEASURED["suspect"], title="suspect" if suspect else ""),
        Column("adapter_mean_ms_low", "", lambda each: min(each.all_of("mean_ms"), default=None)),
        Column("adapter_mean_ms_high", "", lambda each: max(each.all_of("mean_ms"), default=None)),
        Column("cpu_ms_low", "", lambda each: min(each.all_of("cpu_ms"), default=None)),
        Column("cpu_ms_high", "", lambda each: max(each.all_of("cpu_ms"), default=None)),
        *(column for key, column in _MEASURED.items() if key.endswith("_mean_ms") and key != "adapter_mean_ms"),
        Column("scenario", "", lambda each: each.combination.scenario.name),
        _MEASURED["source"],
    ]


def _reference_columns(plan: Plan) -> list[Column]:
    if plan.reference is None:
        return []
    return [Column("reference_mean_ms", f"{plan.reference.label} mean ms", lambda each: each.reference_mean_ms, 2)]


def _parameter_column(number: int, parameter: Parameter) -> Column:
    def value(each: CombinationRow) -> Value:
        return plain(each.combination.values[number])

    def shown(each: CombinationRow) -> str:
        return flow_text(each.combination.values[number])

    return Column(parameter.key, parameter.key, value, shown=shown, left=not parameter.numeric)


def _missing(plan: Plan, rows: Sequence[CombinationRow], again: str) -> list[str]:
    short = [each.combination.scenario.name for each in rows if each.runs < plan.repeat]
    if not short:
        return []
    missing = sum(plan.repeat - each.runs for each in rows)
    of_all = f"{missing} of {plan.repeat * len(plan.combinations)} runs"
    return [f"{of_all} could not be made ({listed(short)}); try them again with {again}"]


def _rescaled(plan: Plan) -> list[str]:
    """A note if the service times are scaled differently from the reference's, so that the figures don't compare."""
    if plan.reference is None or plan.reference.service_time_scale is None:
        return []
    scale = plan.reference.service_time_scale
    beside = zip(plan.combinations, plan.reference.mean_ms, strict=True)
    scales = {each.scenario.workers.service_time.scale for each, mean_ms in beside if mean_ms is not None}
    if scales <= {scale}:
        return []
    how = "/".join(f"{found:g}" for found in sorted(scales))
    lengths = f"service times were scaled by {scale:g}, in this sweep by {how}"
    return [f"{plan.reference.label}: {lengths}; compare at --scale {scale:g}"]
