"""Finds the answers of agents that start cold."""

from __future__ import annotations

import polars as pl

from fanout.analysis.advice._figures import Figures
from fanout.runs.questions_csv import BEGAN, ENDED, OK, held_ms, quantile

COLD = 3.0
"""How many times longer than later ones an agent's first answer takes after a cold start."""
COLD_MS = 100.0
MOST_AGENTS = 0.8
"""The least share of first answers that are late, by which cold starts are known without service times."""
MOST_LATE_LATER = 0.1
"""The largest share of an agent's later answers that may be as late as its first after a cold start."""


def answered(run: Figures) -> pl.DataFrame:
    """The answered questions, with the time from request to answer in `took_ms`."""
    rows = run.asked.filter(OK & pl.col("blocked_ms").is_not_null())
    return rows.with_columns(took_ms=held_ms("waiting", "receiving"))


def cold_questions(run: Figures) -> pl.DataFrame:
    """The first answers of agents that started cold: far slower than nearly all later ones, the agent's own included.

    An agent's first questions are those that were asked before it had answered any.
    """
    rows = answered(run)
    answered_at = ENDED.min().over("agent")
    first, later = (rows.filter(part) for part in (answered_at > BEGAN, answered_at <= BEGAN))
    if later.is_empty():
        return first.clear()
    usual_ms = quantile(later["took_ms"], 0.5)
    is_late = (pl.col("took_ms") >= COLD * usual_ms) & (pl.col("took_ms") >= usual_ms + COLD_MS)
    late_later = later.group_by("agent").agg(is_late.mean().alias("late"))
    steady = late_later.filter(pl.col("late") <= MOST_LATE_LATER)["agent"]
    cold = first.filter(is_late & pl.col("agent").is_in(steady.implode()))
    if rows["service_ms"].null_count() and cold.height < MOST_AGENTS * first.height:  # a long service time may be it
        cold = cold.filter(pl.col("took_ms") >= 2 * quantile(later["took_ms"], 1.0))
    return cold
