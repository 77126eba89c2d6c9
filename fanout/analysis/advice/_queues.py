"""Finds agents that answer one request after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from fanout.analysis.advice._figures import Figures, in_progress
from fanout.runs.questions_csv import BEGAN, ENDED, quantile


def queues_of(run: Figures) -> list[Queue]:
    """The questions to each origin that answers one after another."""
    alone = run.scenario.dispatch.per_agent == 1 and run.asked["coordinator"].n_unique() == 1
    if (alone and not run.share_origins) or run.is_saturated:
        return []  # no two questions were in flight at one agent, or they queued for the coordinator
    return [queue for of_origin in _by_origin(run) if (queue := _queue(of_origin)) is not None]


@dataclass(frozen=True)
class Queue:
    """The questions to an origin that queue there."""

    rows: pl.DataFrame
    usual_ms: float
    """How long one of them takes by itself."""
    waited_ms: float
    """How long they waited for others, all together."""


def _queue(of_origin: pl.DataFrame) -> Queue | None:
    """The questions, with the `others` in flight at the origin when each was sent; None if they don't queue.

    If they do, each waits for about as long as the others take. Without service times, this shows only in comparison
    with questions that were alone there.
    """
    there = in_progress(of_origin["began"], of_origin["ended"], of_origin["began"])
    rows = of_origin.with_columns(others=there - 1)
    others = float(rows["others"].mean())  # type: ignore[arg-type]
    if others < 0.5:
        return None
    if not rows["service_ms"].null_count():
        usual_ms = float(rows["service_ms"].mean())  # type: ignore[arg-type]
        waited_ms, expected_ms = float(rows["waiting_ms"].sum()), others * usual_ms * rows.height
        is_theirs = usual_ms > 0 and 0.4 * expected_ms <= waited_ms <= 2.0 * expected_ms
        return Queue(rows, usual_ms, waited_ms) if is_theirs else None
    alone, beside = rows.filter(pl.col("others") == 0)["raw_waiting_ms"], rows.filter(pl.col("others") > 0)
    usual_ms = quantile(alone, 0.5)
    least_ms = 0.6 * usual_ms * (1 + float(beside["others"].mean()))  # type: ignore[arg-type]
    if alone.len() <= 2 or not usual_ms or quantile(beside["raw_waiting_ms"], 0.5) < least_ms:
        return None
    return Queue(rows, usual_ms, float((beside["raw_waiting_ms"] - usual_ms).sum()))


def _by_origin(run: Figures) -> Iterator[pl.DataFrame]:
    """The questions to each origin."""
    known = run.measured.filter(BEGAN.is_not_null() & ENDED.is_not_null())
    rows = known.select(
        "agent", "service_ms", "waiting_ms", "raw_waiting_ms", origin=run.origin, began=BEGAN, ended=ENDED
    ).collect()
    for _, of_origin in rows.group_by("origin"):
        yield of_origin
