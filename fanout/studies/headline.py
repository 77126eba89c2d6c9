"""fanout bench --headline: repeats the published runs at full length, and shows both sets of figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fanout import report
from fanout.analysis.compare import Row, compare_with
from fanout.analysis.notes import notes
from fanout.analysis.repeats import gathered
from fanout.analysis.row_advice import advice
from fanout.analysis.run_summary import summarize
from fanout.analysis.summary import Summary
from fanout.paths import SCENARIOS
from fanout.report import Column, Report, Table
from fanout.runs.reader import Run
from fanout.studies.published import Published, published
from fanout.studies.study import Study
from fanout.studies.tour import findings, takeaways

PUBLISHED: dict[str, Published | None] = {
    "a2a-default": published("a2a", 32, "default"),
    "a2a-tuned": published("a2a", 32, "1000/200"),
    "a2a-default-by-address": None,
    "a2a-default-own-resolver": None,
    "a2a-per-agent": None,
    "a2a-aiohttp": None,
    "anp-default": published("anp", 32, "default"),
    "anp-tuned": published("anp", 32, None),
    "agora-per-agent": published("agora", 32, None),
    "a2a-tuned-expiring": None,
}
"""The published run of each scenario in scenarios/headline, in the order of the table."""


@dataclass(frozen=True)
class Beside:
    """A measured run, and the published run that it repeats, if there is one."""

    row: Row
    published: Published | None


@dataclass(frozen=True)
class Improvement:
    """A latency with the default limits, divided by the same with the tuned ones, or with another client library."""

    what: str
    published: float
    measured: float | None


def _measured(*keys: str) -> list[Column]:
    """The columns with these keys, as in every comparison."""
    return [report.column(key).within(lambda beside: beside.row) for key in keys]


COLUMNS = (
    *_measured("scenario"),
    Column("published_mean_ms", "published mean ms", lambda b: b.published and b.published.mean_ms, 2),
    Column("published_max_ms", "published max ms", lambda b: b.published and b.published.max_ms, 2),
    Column("published_over_100ms", "published >100 ms", lambda b: b.published and b.published.over_100ms),
    *_measured("adapter_mean_ms", "adapter_p50_ms", "adapter_max_ms", "over_100ms", "failed", "connections_opened"),
    *_measured("cause", "cause_share", "suspect", "source"),
)
RATIO_COLUMNS = (
    Column("what", "default limits ÷ tuned ones", lambda ratio: ratio.what, left=True),
    Column("published", "published", lambda ratio: ratio.published, 1),
    Column("measured", "measured", lambda ratio: ratio.measured, 1),
)


def headline(runs: Sequence[Run]) -> Report:
    """Reports the published and the measured figures side by side."""
    repeats = gathered(summarize(run) for run in runs)
    rows = compare_with(repeats, [None] * len(repeats))
    summaries = [found.summary for found in repeats]
    tables = [
        Table(COLUMNS, [Beside(row, PUBLISHED.get(row.summary.name)) for row in rows], legend=report.cause_legend(rows))
    ]
    ratios = [
        *_ratios(summaries, "a2a"),
        *_ratios(summaries, "a2a", instead="a2a-aiohttp"),
        *_ratios(summaries, "anp"),
    ]
    if ratios:
        tables.append(Table(RATIO_COLUMNS, ratios))
    remember = takeaways(findings({summary.name: summary for summary in summaries}))
    return Report(tables, rows=rows, notes=notes(rows), advice=advice(rows), takeaways=remember)


def _ratios(summaries: Sequence[Summary], protocol: str, instead: str | None = None) -> list[Improvement]:
    """The ratios of a protocol; those measured are to the run with the tuned limits, or to the one named `instead`."""
    by_name = {summary.name: summary for summary in summaries}
    default, tuned = f"{protocol}-default", f"{protocol}-tuned"
    before, after = by_name.get(default), by_name.get(instead or tuned)
    old, new = PUBLISHED[default], PUBLISHED[tuned]
    if before is None or after is None or old is None or new is None:
        return []
    what = f"{protocol}, {after.run.scenario.client.library} instead" if instead and after.run else protocol
    return [
        Improvement(f"{what} mean", old.mean_ms / new.mean_ms, _divided(before.mean_ms, after.mean_ms)),
        Improvement(f"{what} max", old.max_ms / new.max_ms, _divided(before.max_ms, after.max_ms)),
    ]


def _divided(before: float | None, after: float | None) -> float | None:
    return before / after if before is not None and after else None


# benchmarks/overlap.py measures how little overlapping runs disturb each other.
HEADLINE = Study(SCENARIOS / "headline", tuple(PUBLISHED), headline, at_once=5)
