"""What each metric of a gate is in a run. Pure functions; None is: not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fanout.analysis.summary import SLOW_MS, Summary, answered_by_all
from fanout.runs.questions_csv import OK, quantile
from fanout.runs.reader import Run
from fanout.scenario.gate_syntax import DURATIONS, STATISTICS

Measure = Callable[[Summary, Run], float | None]


def measured(metric: str, summary: Summary) -> float | None:
    """A metric of fanout.scenario.gate_syntax: durations in ms, shares of 1. Of a Locust file only some are known.

    A run that was interrupted, or of which questions are missing, has none: what is left is not what was asked for.
    """
    if summary.run is None:
        return _of_locust(metric, summary)
    return MEASURES[metric](summary, summary.run) if _is_whole(summary.run) else None


def measured_in_common(metric: str, summaries: Sequence[Summary]) -> list[float | None]:
    """A metric of runs that are compared: over the questions that all of them answered."""
    if any(measured(metric, summary) is None for summary in summaries):
        return [None] * len(summaries)
    common = answered_by_all(summaries)
    return [
        MEASURES[metric](summary, summary.run) if summary.run is not None else measured(metric, summary)
        for summary in common
    ]


def _of_locust(metric: str, summary: Summary) -> float | None:
    """Locust counts failed requests into its latencies: where there are any, those of the others aren't known."""
    if metric not in _OF_LOCUST or (metric.startswith("adapter.") and summary.failed):
        return None
    return _OF_LOCUST[metric](summary)


def _is_whole(run: Run) -> bool:
    dispatched = run.info.get("questions", {}).get("dispatched", run.questions.height)
    return run.info.get("ended_by") != "interrupted" and dispatched == run.questions.height


def _duration(name: str, how: str) -> Measure:
    column = f"{name.removeprefix('phase.')}_ms"

    def measure(_: Summary, run: Run) -> float | None:
        """Over the questions that were answered; None where it isn't known of all of them."""
        values = run.questions.filter(OK)[column]
        if values.is_empty() or values.null_count():
            return None
        if how == "mean":
            return float(values.sum()) / values.len()
        return quantile(values, 1.0 if how == "max" else int(how[1:]) / 100)

    return measure


def _over_100ms(summary: Summary, run: Run) -> float | None:
    values = run.questions.filter(OK)["adapter_ms"]
    return None if values.is_empty() or values.null_count() else int((values > SLOW_MS).sum())


def _reused_share(_: Summary, run: Run) -> float | None:
    reused = run.questions.filter(OK)["reused"]
    return None if reused.is_empty() or reused.null_count() else int(reused.sum()) / reused.len()


def _connections(name: str) -> Measure:
    return lambda _, run: run.info.get("connections", {}).get(name)


def _of_coordinators(value: Callable[[Mapping[str, Any]], float | None]) -> Measure:
    """The largest of a run's coordinators; None where one of them didn't tell."""

    def measure(_: Summary, run: Run) -> float | None:
        told = [value(found.get("health") or {}) for found in run.info.get("coordinators", ())]
        known = [number for number in told if number is not None]
        return max(known) if known and len(known) == len(told) else None

    return measure


def _suspect(summary: Summary, run: Run) -> float | None:
    """None where a coordinator didn't tell how it was: then nothing can be suspected, and nothing is sure."""
    coordinators = run.info.get("coordinators", ())
    told = bool(coordinators) and all(found.get("health") for found in coordinators)
    return len(summary.suspect) if told or summary.suspect else None


def _lag_ms(which: str) -> Measure:
    return _of_coordinators(lambda health: (health.get("loop_lag_ms") or {}).get(which))


MEASURES: dict[str, Measure] = {
    **{f"{name}.{how}": _duration(name, how) for name in DURATIONS for how in STATISTICS},
    "agents": lambda summary, _: summary.agents,
    "questions": lambda summary, _: summary.questions,
    "ok": lambda summary, _: summary.questions - summary.unanswered,
    "failed": lambda summary, _: summary.failed,
    "abandoned": lambda summary, _: summary.abandoned,
    "over_100ms": _over_100ms,
    "connections.opened": _connections("opened"),
    "connections.reused": _connections("reused"),
    "connections.closed_by_us": _connections("closed_by_us"),
    "connections.closed_by_peer": _connections("closed_by_peer"),
    "suspect": _suspect,
    "problems": lambda summary, _: len(summary.doubts) + summary.is_of_part,
    "failed.share": lambda summary, _: summary.failed / summary.questions,
    "reused.share": _reused_share,
    "coordinator.cpu_share": _of_coordinators(lambda health: health.get("cpu_share")),
    "coordinator.cpu_ms": lambda summary, _: summary.cpu_ms,
    "coordinator.lag_p50": _lag_ms("p50"),
    "coordinator.lag_p99": _lag_ms("p99"),
}
"""One for each name in fanout.scenario.gate_syntax.METRICS."""

_OF_LOCUST: dict[str, Callable[[Summary], float | None]] = {
    "adapter.mean": lambda summary: summary.mean_ms,
    "adapter.p50": lambda summary: summary.p50_ms,
    "adapter.p95": lambda summary: summary.p95_ms,
    "adapter.max": lambda summary: summary.max_ms,
    "questions": lambda summary: summary.questions,
    "failed": lambda summary: summary.failed,
}
"""What a _stats.csv of Locust's tells."""
