"""An open load: a coordinator's questions arrive by a schedule, whether or not earlier ones have ended."""

from __future__ import annotations

import functools
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from fanout.coordinator.dispatch import Asked, Round
from fanout.phases import LATE_MS
from fanout.protocols import Question
from fanout.runs.schema import ArrivalCounts
from fanout.scenario import Arrivals


class AskDue(Protocol):
    """Asks an agent (counted from 0) a question whose intended start is `due`, by time.perf_counter()."""

    async def __call__(self, question: Question, agent: int, attempt: int = 1, *, due: float) -> Asked: ...


def intended_starts(arrivals: Arrivals, seed: str, began: float) -> Iterator[float]:
    """The moments at which questions are to start, without end. The same seed gives the same gaps."""
    if arrivals.pattern == "constant":
        return (began + number / arrivals.rate for number in itertools.count())
    dice = random.Random(seed)  # noqa: S311 (nothing secret)
    gaps = iter(functools.partial(dice.expovariate, arrivals.rate), None)
    return itertools.accumulate(gaps, initial=began)


class DueCount:
    """Counts how many of the intended starts have come."""

    def __init__(self, starts: Iterator[float]) -> None:
        self._starts = starts
        self._next = next(starts)
        self._count = 0

    def until(self, moment: float) -> int:
        """The count at a time of time.perf_counter(). Later calls may not name an earlier one."""
        while self._next <= moment:
            self._count += 1
            self._next = next(self._starts)
        return self._count


class OpenLoad:
    """Lets the questions of one round after another arrive, without a gap in between."""

    def __init__(self, this: Round, arrivals: Arrivals, seed: str, deadline_s: float) -> None:
        """`this` dispatches the questions, which are not asked later than `deadline_s` after their intended start."""
        self.round = this
        self._deadline_s = deadline_s
        began = time.perf_counter()
        self._starts = intended_starts(arrivals, seed, began)
        self._due = DueCount(intended_starts(arrivals, seed, began))
        self._arrived = 0
        self._most: int | None = None
        """How many questions arrive in all; None if more rounds follow."""

    async def arrive(self, questions: Sequence[Question], ask: AskDue, *, is_last: bool) -> int:
        """Returns how many questions of a round have arrived: all of them, unless the load ends meanwhile."""
        before = self._arrived
        if is_last:
            self._most = before + len(questions)
        for question in questions:
            due = next(self._starts)
            if not await self.round.wait_until(due):
                break
            await self.round.arrive(question, functools.partial(ask, due=due), due + self._deadline_s)
            self._arrived += 1
        if is_last:
            self.round.complete()
        return self._arrived - before

    def counts(self) -> ArrivalCounts:
        """The questions that should have started by now, and not just within the last LATE_MS."""
        started = self.round.dispatched
        scheduled = self._due.until(time.perf_counter() - LATE_MS / 1000)
        due = max(scheduled if self._most is None else min(scheduled, self._most), started)
        return ArrivalCounts(due=due, not_started=due - started)
