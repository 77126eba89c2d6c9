"""The values of a gate's metrics in a report of Locust, and why it lacks one. Pure functions; None means unknown.

Locust includes failed requests in its latencies, so they are unknown if any request failed.
"""

from __future__ import annotations

from pathlib import Path

from fanout.analysis.summary import Summary
from fanout.scenario.metrics import FigureOf, StatisticOf, metric_named

_FIGURES = ("questions", "ok", "failed", "failed_share")
_STATISTICS = {"mean": "mean_ms", "p50": "p50_ms", "max": "max_ms"}
"""The figures that Locust has columns for, besides its percentiles."""


def measured_by_locust(metric: str, summary: Summary) -> float | None:
    match metric_named(metric).source:
        case StatisticOf("adapter_ms", statistic) if not summary.failed:
            return _latency(statistic, summary)
        case FigureOf(name) if name in _FIGURES:
            return float(getattr(summary, name))
    return None


def _latency(statistic: str, summary: Summary) -> float | None:
    if statistic in _STATISTICS:
        figure: float | None = getattr(summary, _STATISTICS[statistic])
        return figure
    if statistic == "p95":
        return summary.p95_ms
    return (summary.percentiles_ms or {}).get(_percent(statistic))


def why_unknown(metric: str, summary: Summary) -> tuple[str, str]:
    """Why a report of Locust doesn't tell a metric, and what to do."""
    file = Path(summary.source).name
    source = metric_named(metric).source
    if not isinstance(source, StatisticOf) or source.column != "adapter_ms":
        return f"{file} is Locust's report, which doesn't tell it", "leave the gate out, or judge a run directory"
    if summary.failed:
        return (
            f"{summary.failed} of its requests failed in {file}, and Locust's latencies include them",
            "judge a run directory, or leave the gate out",
        )
    percentiles = summary.percentiles_ms or {}
    if source.statistic in _STATISTICS or _percent(source.statistic) in percentiles:
        return f"{file} has no response time", "leave the gate out, or judge a run directory"
    others = [f"p{_written(percent)}" for percent in percentiles if percent not in (50, 100)]
    return (
        f"{file} has no column {_written(_percent(source.statistic))}%",
        f"leave the gate out, or use what it has: {', '.join(['mean', 'p50', *others, 'max'])}",
    )


def _percent(statistic: str) -> float:
    return float(statistic[1:])


def _written(percent: float) -> str:
    return f"{percent:.9f}".rstrip("0").rstrip(".")
