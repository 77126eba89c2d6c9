"""A coordinator's rounds: each dispatched by itself, or all of them one after another as an open load."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from fanout.coordinator.arrivals import OpenLoad
from fanout.coordinator.back_off import BackOff
from fanout.coordinator.dispatch import Asked, Pause, Round
from fanout.coordinator.loop_health import LoopWatch
from fanout.protocols import Question
from fanout.runs.schema import ArrivalCounts
from fanout.scenario import Arrivals, Scenario

Start = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Starts a task whose errors end the process."""


class AskOfRound(Protocol):
    """Asks an agent (counted from 0) a question of a round; `due` is its intended start, by time.perf_counter()."""

    async def __call__(
        self, question: Question, agent: int, attempt: int = 1, *, round_number: int, due: float | None = None
    ) -> Asked: ...


class Rounds:
    def __init__(
        self, scenario: Scenario, agents: int, number: int, watch: LoopWatch, *, ask: AskOfRound, pause: Pause,
        start: Start,
    ) -> None:  # fmt: skip
        """The rounds of the coordinator with this number."""
        self._scenario = scenario
        self._agents = agents
        self._seed = f"{scenario.seed}:arrivals at coordinator {number}"
        self._watch = watch
        self._ask = ask
        self._pause = pause if scenario.coordinator.pause_s else None
        self._start = start
        self._at_work: set[Round] = set()
        self._load: OpenLoad | None = None
        """Where the questions come from, if they have intended starts."""
        self.open_load: asyncio.Task[None] | None = None
        """Dispatches what comes from there, beyond the end of a round."""
        self._is_stopping = False
        self.ended = 0
        """The rounds that have ended."""
        self.moved = 0
        self.retried: Counter[str] = Counter()
        self._earlier_arrivals: ArrivalCounts | None = None
        """The counts of the open loads that are over."""

    async def run(self, number: int, questions: Sequence[Question], *, is_last: bool) -> int:
        """Dispatches a round's questions; returns how many there were when all dispatched questions have ended.

        With arrivals, only the last round waits for that; another returns when its last question has arrived, so that
        the next one follows without a gap.
        """
        ask = functools.partial(self._ask, round_number=number)
        if self._scenario.arrivals is None:
            this = self._new_round()
            this.add(questions, ask)
            this.complete()
            await self._dispatch(this)
            dispatched = this.dispatched
        else:
            load, task = self._open(self._scenario.arrivals)
            dispatched = await load.arrive(questions, ask, is_last=is_last)
            if is_last:
                await asyncio.wait([task])
        self.ended += 1
        return dispatched

    def _open(self, arrivals: Arrivals) -> tuple[OpenLoad, asyncio.Task[None]]:
        """The current open load, or a new one if that is over."""
        if self._load is None or self.open_load is None or self._load.round.is_over:
            self._count_arrivals()
            self._load = OpenLoad(self._new_round(), arrivals, self._seed, self._scenario.client.deadline_s)
            self.open_load = self._start(self._dispatch(self._load.round))
        return self._load, self.open_load

    @property
    def arrivals(self) -> ArrivalCounts | None:
        """The counts of all open loads so far; None if there was none."""
        if self._load is None:
            return self._earlier_arrivals
        before, now = self._earlier_arrivals or ArrivalCounts(0, 0), self._load.counts()
        return ArrivalCounts((before.due or 0) + (now.due or 0), (before.not_started or 0) + (now.not_started or 0))

    def _count_arrivals(self) -> None:
        """Ends the open load, if there is one, and keeps its counts."""
        self._earlier_arrivals = self.arrivals
        self._load = None

    def _new_round(self) -> Round:
        back_offs = [BackOff(self._scenario.seed, agent) for agent in range(self._agents)]
        return Round(back_offs, self._scenario.dispatch, self._pause)

    async def _dispatch(self, this: Round) -> None:
        async with self._watch:
            self._at_work.add(this)
            if self._is_stopping:
                this.stop()
            await this.run()
            self._at_work.discard(this)
        self.moved += this.moved
        self.retried += this.retried

    def stop(self) -> None:
        """Stops dispatching, also what begins before resume()."""
        self._is_stopping = True
        self._count_arrivals()
        for this in self._at_work:
            this.stop()

    def abandon(self) -> None:
        """Cancels the questions in flight."""
        for this in self._at_work:
            this.abandon()

    def resume(self) -> None:
        """Lets rounds be dispatched again."""
        self._is_stopping = False
