"""The input of the rules, and their registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import polars as pl

from fanout.analysis.advice._advice import Advice
from fanout.analysis.advice._causes import explained
from fanout.analysis.advice._figures import MUCH, OPENING, Figures
from fanout.analysis.advice._lookups import lookups_matter
from fanout.phases import Phase

__all__ = ["MUCH", "OPENING", "RULES", "Advice", "Facts", "rule"]


class Facts(Figures):
    """A run, its figures, and why its questions failed."""

    @cached_property
    def _explained(self) -> pl.DataFrame:
        return explained(self)

    def because(self, *causes: str) -> pl.DataFrame:
        """The questions that failed for one of these causes, which fanout.analysis.advice._causes lists."""
        return self._explained.filter(pl.col("cause").is_in(causes))

    @cached_property
    def opening(self) -> tuple[Phase, ...]:
        """The phases that a kept connection saves, without those that another rule explains by a closer cause."""
        return OPENING[1:] if lookups_matter(self) else OPENING


Check = Callable[[Facts], Iterator[Advice]]
RULES: list[Check] = []


def rule(check: Check) -> Check:
    RULES.append(check)
    return check
