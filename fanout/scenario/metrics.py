"""The metrics that gates can use. METRICS is the only declaration of each: its unit, and its source in a run.

Further percentiles of its durations, such as `adapter.p99.9`, are metrics too; see metric_named().

A scenario's gates are checked before anything is measured, so a metric only names its source here.
fanout/analysis/metrics.py reads the value from there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from fanout.phases import PHASES, column_of

Unit = Literal["ms", "", "%"]
"""The unit of a duration, a count or a share."""

STATISTICS = ("mean", "p50", "p90", "p95", "p99", "max")
_PERCENTILE = re.compile(r"(.+)\.(p[6-9]\d(?:\.\d{1,9})?)")
"""The name of a metric with any percentile from 60. Lower ones are more likely slips, such as p59 for p95."""


@dataclass(frozen=True)
class StatisticOf:
    """A statistic of a column of questions.csv, over the answered questions."""

    column: str
    statistic: str


@dataclass(frozen=True)
class ShareOf:
    """The share of the answered questions for which a column of questions.csv is true."""

    column: str


@dataclass(frozen=True)
class OverOf:
    """The number of answered questions with more than `limit_ms` in a column of questions.csv."""

    column: str
    limit_ms: float


@dataclass(frozen=True)
class FigureOf:
    """A figure of fanout.analysis.summary.Summary."""

    name: str


@dataclass(frozen=True)
class CounterOf:
    """A counter of run.json's `connections`."""

    name: str


@dataclass(frozen=True)
class WorstOf:
    """The largest value among the coordinators' `loop_health` in run.json."""

    keys: tuple[str, ...]
    """The path of the value in `loop_health`."""


Source = StatisticOf | ShareOf | OverOf | FigureOf | CounterOf | WorstOf


@dataclass(frozen=True)
class Metric:
    unit: Unit
    source: Source


DURATIONS = {
    "adapter": "adapter_ms",
    "round_trip": "round_trip_ms",
    "service": "service_ms",
    **{f"phase.{phase}": column_of(phase) for phase in PHASES},
}
"""The column of each duration. Each has a metric for every one of the STATISTICS."""

METRICS: dict[str, Metric] = {
    **{
        f"{name}.{statistic}": Metric("ms", StatisticOf(column, statistic))
        for name, column in DURATIONS.items()
        for statistic in STATISTICS
    },
    "agents": Metric("", FigureOf("agents")),
    "questions": Metric("", FigureOf("questions")),
    "ok": Metric("", FigureOf("ok")),
    "failed": Metric("", FigureOf("failed")),
    "abandoned": Metric("", FigureOf("abandoned")),
    "late": Metric("", FigureOf("late")),
    "over_100ms": Metric("", OverOf("adapter_ms", 100.0)),
    "connections.opened": Metric("", CounterOf("opened")),
    "connections.reused": Metric("", CounterOf("reused")),
    "connections.closed_by_us": Metric("", CounterOf("closed_by_us")),
    "connections.closed_by_peer": Metric("", CounterOf("closed_by_peer")),
    "suspect": Metric("", FigureOf("suspicions")),
    "problems": Metric("", FigureOf("reasons_to_doubt")),
    "failed.share": Metric("%", FigureOf("failed_share")),
    "reused.share": Metric("%", ShareOf("reused")),
    "coordinator.cpu_share": Metric("%", WorstOf(("cpu_share",))),
    "coordinator.cpu_ms": Metric("ms", FigureOf("cpu_ms")),
    "coordinator.lag_p50": Metric("ms", WorstOf(("lag_ms", "p50"))),
    "coordinator.lag_p99": Metric("ms", WorstOf(("lag_ms", "p99"))),
}


def metric_named(name: str) -> Metric:
    """The metric. Raises KeyError if there is none."""
    found = _PERCENTILE.fullmatch(name)
    if found and found[1] in DURATIONS:
        return Metric("ms", StatisticOf(DURATIONS[found[1]], found[2]))
    return METRICS[name]


def metrics_in_words() -> str:
    """A short list of all metrics, for messages."""
    durations = ", ".join(f"{name}.*" for name in DURATIONS if not name.startswith("phase."))
    others = [name for name, metric in METRICS.items() if not isinstance(metric.source, StatisticOf)]
    statistics = f"{', '.join(STATISTICS)}, or another percentile from p60, such as p99.9"
    return f"{durations}, phase.PHASE.* (* is {statistics}; PHASE {', '.join(PHASES)}), {', '.join(others)}"
