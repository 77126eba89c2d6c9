"""The input of the rules, and their registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import polars as pl

from fanout.analysis.advice._advice import Advice
from fanout.analysis.advice._causes import explained
from fanout.analysis.advice._closing import Closing, closing_of
from fanout.analysis.advice._cold import cold_questions
from fanout.analysis.advice._figures import MUCH, OPENING, Figures, agents_of
from fanout.analysis.advice._lookups import lookups_matter
from fanout.analysis.advice._queues import Queue, queues_of
from fanout.analysis.advice._service_times import longest_service_s
from fanout.phases import Phase

__all__ = ["MUCH", "OPENING", "RULES", "Advice", "Check", "Facts", "rule"]


class Facts(Figures):
    """A run, its figures, why its questions failed, and what several rules need to know, found once."""

    @cached_property
    def _explained(self) -> pl.DataFrame:
        return explained(self)

    def because(self, *causes: str) -> pl.DataFrame:
        """The questions that failed for one of these causes, which fanout.analysis.advice._causes lists."""
        return self._explained.filter(pl.col("cause").is_in(causes))

    @cached_property
    def cold(self) -> pl.DataFrame:
        """The first answers of agents that started cold."""
        return cold_questions(self)

    @cached_property
    def closing(self) -> Closing | None:
        """The agents that close every connection."""
        return closing_of(self)

    @cached_property
    def lost_to_closing(self) -> pl.DataFrame:
        """The questions that were sent on a connection which such an agent had closed, before the client noticed."""
        lost = self.because("stale_connection")
        if self.closing is None or self.closing.by == "idle timeout":
            return lost.clear()
        return lost.filter(pl.col("agent").is_in(list(self.closing.agents)))

    @cached_property
    def queues(self) -> list[Queue]:
        """The questions to each origin that answers one after another."""
        return queues_of(self)

    @cached_property
    def given_up_in_queues(self) -> pl.DataFrame:
        """The questions that such origins had no time for: they waited more than twice as long as one takes."""
        late = self.because("too_little_time")
        longest_s = longest_service_s(self) if late.height else None
        if longest_s is None:
            return late.clear()
        agents = {agent for queue in self.queues for agent in agents_of(queue.rows)}
        return late.filter(pl.col("agent").is_in(list(agents)) & (pl.col("round_trip_ms") > 2000 * longest_s))

    @cached_property
    def opening(self) -> tuple[Phase, ...]:
        """The phases that a kept connection saves, without those that another rule explains by a closer cause."""
        return OPENING[1:] if lookups_matter(self) else OPENING


Check = Callable[[Facts], Iterator[Advice]]
RULES: list[Check] = []


def rule(check: Check) -> Check:
    RULES.append(check)
    return check
