"""The values of a gate's metrics in a run. Pure functions; None means unknown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from fanout.analysis.locust_metrics import measured_by_locust
from fanout.analysis.run_summary import answered_by_all
from fanout.analysis.summary import Summary
from fanout.runs.questions_csv import OK, quantile
from fanout.runs.reader import Run
from fanout.scenario.metrics import CounterOf, FigureOf, OverOf, ShareOf, StatisticOf, WorstOf, metric_named


def measured(metric: str, summary: Summary) -> float | None:
    """The value of one of fanout.scenario.metrics, in ms or as a share of 1. A report of Locust has only some of them.

    None for a run that was interrupted or lost questions, since the rest doesn't represent the whole.
    """
    if summary.run is None:
        return measured_by_locust(metric, summary)
    return _measured(metric, summary, summary.run) if _is_whole(summary.run) else None


def measured_in_common(metric: str, summaries: Sequence[Summary]) -> list[float | None]:
    """A metric of runs that are compared, over the questions that all of them answered."""
    if any(measured(metric, summary) is None for summary in summaries):
        return [None] * len(summaries)
    return [
        measured(metric, summary) if summary.run is None else _measured(metric, summary, summary.run)
        for summary in answered_by_all(summaries, columns_of([metric]))
    ]


def columns_of(metrics: Iterable[str]) -> set[str]:
    """The columns of questions.csv that these metrics need."""
    sources = [metric_named(metric).source for metric in metrics]
    return {source.column for source in sources if isinstance(source, StatisticOf | ShareOf | OverOf)}


def _is_whole(run: Run) -> bool:
    dispatched = run.info.questions.dispatched
    return run.info.ended_by not in (None, "interrupted") and dispatched == run.questions.height


def _measured(metric: str, summary: Summary, run: Run) -> float | None:
    match metric_named(metric).source:
        case StatisticOf(column, statistic):
            return _statistic(run, column, statistic)
        case ShareOf(column):
            values = _answered(run, column)
            return None if values is None else int(values.sum()) / values.len()
        case OverOf(column, limit_ms):
            values = _answered(run, column)
            return None if values is None else int((values > limit_ms).sum())
        case FigureOf(name):
            figure: float | None = getattr(summary, name)
            return figure
        case CounterOf(name):
            count: float | None = getattr(run.info.connections, name)
            return count
        case WorstOf(keys):
            return _worst(run, keys)


def _answered(run: Run, column: str) -> pl.Series | None:
    """A column of the answered questions; None if it is unknown for any of them."""
    values = run.with_column(column).questions.select(pl.col(column).filter(OK)).to_series()
    return None if values.is_empty() or values.null_count() else values


def _statistic(run: Run, column: str, statistic: str) -> float | None:
    values = _answered(run, column)
    if values is None:
        return None
    if statistic == "mean":
        return float(values.sum()) / values.len()
    return quantile(values, 1.0 if statistic == "max" else float(statistic[1:]) / 100)


def _worst(run: Run, keys: Sequence[str]) -> float | None:
    """The largest value of any coordinator; None if one is unknown."""
    found: list[float] = []
    for coordinator in run.info.coordinators:
        value: Any = coordinator.loop_health
        for key in keys:
            value = getattr(value, key, None)
        if value is None:
            return None
        found.append(float(value))
    return max(found, default=None)
