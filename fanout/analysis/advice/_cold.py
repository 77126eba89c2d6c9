"""Finds the answers of agents that start cold."""

from __future__ import annotations

import polars as pl

from fanout.analysis.advice._figures import Figures
from fanout.runs.questions_csv import BEGAN, ENDED, OK, held_ms

COLD = 3.0
"""How many times longer than later ones an agent's first answer takes after a cold start."""
COLD_MS = 100.0
MOST_AGENTS = 0.8
"""The least share of first answers that are late, by which cold starts are known without service times."""
MOST_LATE_LATER = 0.1
"""The largest share of an agent's later answers that may be as late as its first after a cold start."""


def answered(run: Figures) -> pl.LazyFrame:
    """The answered questions, with the time from request to answer in `took_ms`."""
    rows = run.asked.lazy().filter(OK & pl.col("blocked_ms").is_not_null())
    return rows.with_columns(took_ms=held_ms("waiting", "receiving"))


def cold_questions(run: Figures) -> pl.DataFrame:
    """The first answers of agents that started cold: far slower than nearly all later ones, the agent's own included.

    An agent's first questions are those that were asked before it had answered any.
    """
    rows = answered(run)
    first = _first(rows)
    later = rows.filter(~pl.col("row").is_in(first["row"].implode()))
    usual_ms = later.select(pl.col("took_ms").median()).collect().item()
    if usual_ms is None:
        return first.clear()
    is_late = (pl.col("took_ms") >= COLD * usual_ms) & (pl.col("took_ms") >= usual_ms + COLD_MS)
    late_first = first.filter(is_late)
    if late_first.is_empty():
        return late_first
    late_later = later.group_by("agent").agg(is_late.mean().alias("late"))
    steady = late_later.filter(pl.col("late") <= MOST_LATE_LATER).collect()["agent"]
    cold = late_first.filter(pl.col("agent").is_in(steady.implode()))
    unknown = rows.select(pl.col("service_ms").null_count()).collect().item()
    if unknown and cold.height < MOST_AGENTS * first.height:  # a long service time may be it
        cold = cold.filter(pl.col("took_ms") >= 2 * later.select(pl.col("took_ms").max()).collect().item())
    return cold


def _first(rows: pl.LazyFrame) -> pl.DataFrame:
    """The questions that were asked before their agents had answered any."""
    answered_at = rows.group_by("agent").agg(ENDED.min().alias("answered_at")).collect()
    until = answered_at["answered_at"].max()
    early = rows.filter(pl.lit(until) > BEGAN).collect()
    return early.join(answered_at, on="agent", maintain_order="left").filter(pl.col("answered_at") > BEGAN)
