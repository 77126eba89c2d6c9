"""How long the agents work on a question."""

from __future__ import annotations

import math

import polars as pl

from fanout.analysis.advice._figures import Figures
from fanout.runs.questions_csv import OK
from fanout.scenario import Constant, Exponential, LogNormal

LONG = 3.0
"""Service times above three standard deviations of their logarithm, or e³ means, hardly occur."""


def longest_service_s(run: Figures) -> float | None:
    """About the longest service time; None if neither the scenario nor an answer tells it."""
    if isinstance(run.scenario.agents, int):
        match run.scenario.workers.service_time:
            case Constant() as each:
                return each.expected_s
            case LogNormal() as each:
                return each.median_s * each.scale * math.exp(LONG * each.sigma)
            case Exponential() as each:
                return each.mean_s * each.scale * 2 * LONG
    reported, waited = pl.col("service_ms").max(), pl.col("waiting_ms").filter(OK).max()
    longest_ms: float | None = run.asked.select(pl.coalesce(reported, waited)).item()
    return None if longest_ms is None else longest_ms / 1000
