"""An open load: a coordinator's questions arrive by a schedule, whether or not earlier ones have ended."""

from __future__ import annotations

import functools
import itertools
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from fanout.coordinator.dispatch import BACKLOG, Asked, Round
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


class OpenLoad:
    """Lets the questions of one round after another arrive, without a gap in between."""

    def __init__(self, this: Round, arrivals: Arrivals, seed: str, deadline_s: float) -> None:
        """`this` dispatches the questions, which are not asked later than `deadline_s` after their intended start."""
        self.round = this
        self._deadline_s = deadline_s
        self._starts = intended_starts(arrivals, seed, time.perf_counter())
        self._next = next(self._starts)
        self._latest: deque[float] = deque(maxlen=BACKLOG)
        """The intended starts of the questions that have arrived last, as many as can wait."""
        self._arrived = 0
        self._most: int | None = None
        """How many questions arrive in all; None if more rounds follow."""

    async def arrive(self, questions: Sequence[Question], ask: AskDue, *, is_last: bool) -> int:
        """Returns how many questions of a round have arrived: all of them, unless the load ends meanwhile."""
        before = self._arrived
        if is_last:
            self._most = before + len(questions)
        for question in questions:
            due = self._next
            if not await self.round.wait_until(due):
                break
            await self.round.arrive(question, functools.partial(ask, due=due), due + self._deadline_s)
            self._arrived += 1
            self._latest.append(due)
            self._next = next(self._starts)
        if is_last:
            self.round.complete()
        return self._arrived - before

    def counts(self) -> ArrivalCounts:
        """The questions that should have started by now. It goes on with the schedule, so call it only at the end."""
        until = time.perf_counter() - LATE_MS / 1000
        waiting = self._arrived - self.round.dispatched
        late = sum(due <= until for due in list(self._latest)[-waiting:]) if waiting > 0 else 0
        arrived = self._arrived
        while self._next <= until and (self._most is None or arrived < self._most):
            arrived += 1
            late += 1
            self._next = next(self._starts)
        return ArrivalCounts(due=self.round.dispatched + late, not_started=late)
