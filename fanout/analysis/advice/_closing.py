"""Finds agents that close every connection, and what tells so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from fanout.analysis.advice._figures import Figures
from fanout.runs.questions_csv import OK

CLOSED = 0.8
"""The least share of an agent's answers after which it closed the connection."""
PAUSE_S = 0.01
"""After a pause of this length, an idle timeout may have closed the connection."""


@dataclass(frozen=True)
class Closing:
    """Agents that close their connections after an answer."""

    agents: Sequence[int]
    by: Literal["version", "header", "nothing", "idle timeout"]
    """What announces it: HTTP/1.0, a header or nothing; or whether it may be an idle timeout."""
    pause_s: float
    """The median pause between an answer and the next question."""


def closing_of(run: Figures) -> Closing | None:
    if not run.coordinators:
        return None
    answers = dict(run.asked.lazy().filter(OK).group_by("agent").len().collect().iter_rows())
    counts = {
        agent: count
        for agent, count in enumerate(run.of_agent("closed_by_peer") or (), 1)
        if answers.get(agent, 0) > 1 and count - run.broken.get(agent, 0) >= CLOSED * answers[agent]
    }
    if not counts:
        return None
    pauses = run.pauses.filter(pl.col("agent").is_in(list(counts)))
    pause_s = pauses.select(pl.col("pause_s").median()).collect().item() or 0.0

    def are_mostly(counter: str) -> bool:
        known = run.of_agent(counter)
        return known is not None and sum(known[agent - 1] for agent in counts) >= CLOSED * sum(counts.values())

    if are_mostly("closed_by_http_1_0"):
        return Closing(list(counts), "version", pause_s)
    if are_mostly("closes_announced"):
        return Closing(list(counts), "header", pause_s)
    return Closing(list(counts), "nothing" if pause_s < PAUSE_S else "idle timeout", pause_s)
