"""Makes the report of a comparison of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from fanout.analysis.comparability import differences
from fanout.analysis.compare import COMPARED, Row
from fanout.analysis.figures import Figure
from fanout.analysis.gate_results import Judgement, reportable, summary_sentences
from fanout.analysis.intervals import short
from fanout.analysis.notes import notes, sentences, unmatched
from fanout.analysis.row_advice import advice
from fanout.analysis.sources import Source, rows_of
from fanout.analysis.summary import FIGURES, SPREAD
from fanout.phases import MEANINGS, PHASES, Phase
from fanout.report._report import UNKNOWN, Column, Report, Table, Value


def _mean_of(phase: Phase) -> Callable[[Row], Value]:
    return lambda row: None if row.summary.phases_ms is None else row.summary.phases_ms.get(phase)


def _end_of(figure: str, end: str) -> Callable[[Row], Value]:
    return lambda row: getattr(row.ratios[figure], end, None)


def _with_interval(figure: str) -> Callable[[Row], str]:
    def shown(row: Row) -> str:
        ratio = row.ratios[figure]
        if ratio is None:
            return UNKNOWN
        return short(ratio.value) if ratio.interval is None else f"{short(ratio.value)} {ratio.interval}"

    return shown


def ratio_columns(*, titled: bool) -> list[Column]:
    """Each figure's ratio to the baseline, and the ends of its interval. Without titles, only machines read them."""
    columns = []
    for figure in COMPARED:
        name = figure.removesuffix("_ms")
        columns += [
            Column(f"{name}_ratio", name if titled else "", _end_of(figure, "value"), shown=_with_interval(figure)),
            Column(f"{name}_ratio_low", "", _end_of(figure, "low")),
            Column(f"{name}_ratio_high", "", _end_of(figure, "high")),
        ]
    return columns


def phase_columns(*, titled: bool) -> list[Column]:
    """The mean of each phase. Without titles, only machines read them."""
    return [Column(f"{phase}_mean_ms", phase if titled else "", _mean_of(phase), 2) for phase in PHASES]


def _figure_of(figure: Figure) -> Callable[[Row], Value]:
    return lambda row: figure.of_summary(row.summary)


def figure_columns(*, titled: bool) -> list[Column]:
    """The figures of a summary that have a title, for people, or those without, for machines."""
    return [
        Column(each.key, each.title, _figure_of(each), each.decimals)
        for each in FIGURES.values()
        if each.key and bool(each.title) is titled
    ]


NAME = Column("scenario", "scenario", lambda row: row.label, shown=lambda row: row.marked, left=True)
COLUMNS: tuple[Column, ...] = (
    NAME,
    *figure_columns(titled=True),
    Column("questions_per_connection", "questions/conn.", lambda row: row.summary.questions_per_connection, 1),
    Column("cause", "cause", lambda row: row.summary.cause, shown=lambda row: row.summary.cause_in_words),
    Column("cause_share", "", lambda row: row.summary.cause_share),
    Column("runs", "", lambda row: row.runs),
    *ratio_columns(titled=False),
    Column("verdict", "", lambda row: row.verdict),
    *figure_columns(titled=False),
    *phase_columns(titled=False),
    Column("baseline", "", lambda row: row.baseline.label if row.baseline else None),
    Column("source", "", lambda row: row.summary.source),
)


OF_RUNS = ("agents", "over_100ms", "connections_opened", "questions_per_connection", "cause")
"""The keys of columns that no report of Locust fills."""


def _columns_of(rows: Sequence[Row]) -> Sequence[Column]:
    """COLUMNS; for reports of Locust, people don't see those that none of them fills."""
    if not all(row.summary.is_locust_report for row in rows):
        return COLUMNS
    return [replace(each, title="") if each.key in OF_RUNS else each for each in COLUMNS]


def column(key: str, title: str | None = None) -> Column:
    """The column of COLUMNS with this key, with another title if one is given."""
    found = next(each for each in COLUMNS if each.key == key)
    return found if title is None else replace(found, title=title)


AGAINST = (
    NAME,
    Column("baseline", "baseline", lambda row: row.baseline.label if row.baseline else None, left=True),
    Column("runs", "runs", lambda row: row.runs),
    *ratio_columns(titled=True),
    Column("verdict", "verdict", lambda row: row.verdict, left=True),
)


GATES = (
    Column("gate", "gate", lambda judgement: str(judgement.gate), left=True),
    Column("scenario", "scenario", lambda judgement: judgement.row, left=True),
    Column("result", "result", lambda judgement: judgement.result, left=True),
    Column("value", "measured", lambda judgement: judgement.value, left=True),
    Column("bound", "bound", lambda judgement: judgement.bound, left=True),
    Column("remedy", "", lambda judgement: judgement.remedy or None),
)


def cause_legend(rows: Iterable[Row]) -> str:
    """Explains the causes that a table shows; empty if it shows none."""
    causes = dict.fromkeys(row.summary.cause for row in rows)
    meanings = {SPREAD: "no phase has more than half", **{str(phase): words for phase, words in MEANINGS.items()}}
    shown = "; ".join(f"{cause}: {meanings[cause]}" for cause in causes if cause is not None)
    return shown and f"The cause is the phase that has more than half of the time. {shown}."


def comparison(rows: Sequence[Row]) -> Report:
    """A report on the rows: their figures, their differences from the baselines, and where their time went."""
    tables = [Table(_columns_of(rows), rows, legend=cause_legend(rows))]
    if compared := [row for row in rows if row.compared]:
        title = "Against the baseline, as ratios (below 1 is faster) with 95 % intervals over runs:"
        tables.append(Table(AGAINST, compared, title))
    tables += phases_table(rows)
    limits = [*notes(rows), *differences(rows)]
    return Report(tables, verdicts=sentences(rows), rows=rows, notes=limits, advice=advice(rows))


def comparison_of(sources: Sequence[Source], baseline: Source | None = None) -> Report:
    """A report on these sources, compared with `baseline`, or else with the first of them."""
    rows = rows_of(sources, baseline)
    report = comparison(rows)
    return replace(report, notes=[*report.notes, *unmatched(rows, (baseline or sources[0]).rows)])


def phases_table(rows: Sequence[Row], *, with_cause: bool = False) -> list[Table]:
    """The table of where the time went, for the rows whose phases are known; empty if there are none."""
    known = [row for row in rows if row.summary.phases_ms is not None]
    is_open = any(row.summary.phases_ms.get("late") for row in known if row.summary.phases_ms is not None)
    phases = [each for each in phase_columns(titled=True) if is_open or each.title != "late"]
    columns = [NAME, *phases, *([column("cause")] if with_cause else [])]
    legend = cause_legend(known) if with_cause else ""
    return [Table(columns, known, "Where the mean latency goes, in ms:", legend)] if known else []


def with_gates(report: Report, gates: Sequence[Judgement]) -> Report:
    """The report with the results of its gates, before its other sentences and after its other tables."""
    if not gates:
        return report
    shown = reportable(gates)
    said = summary_sentences(gates)
    return replace(
        report,
        tables=[*report.tables, *([Table(GATES, shown, "Gates:")] if shown else [])],
        # Without explicit gates, the comparison matters more than that no question failed.
        verdicts=[*said, *report.verdicts] if shown else [*report.verdicts, *said],
        notes=[*report.notes, *_remedies(gates)],
        gates=tuple(gates),
    )


def _remedies(gates: Sequence[Judgement]) -> list[str]:
    """What to do about the gates that could not be decided."""
    return [f"{found.row}: {found.gate}: {found.result}: {found.remedy}" for found in gates if found.remedy]
