"""Dispatches questions to agents: loops of each agent take the next question from a shared queue.

Each agent therefore has a fixed number of questions in flight at most, and fast agents get more questions than slow
ones. An agent that fails at once would be the fastest of all, so its loops wait after a failure.

The questions are a whole round from the beginning (a closed load), or arrive one by one (an open load).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import anyio

from fanout.coordinator.back_off import DROP_AFTER, BackOff
from fanout.protocols import Question
from fanout.scenario import DispatchSettings

End = Literal["ok", "failed", "failed here", "abandoned"]
"""How a question ended. "failed here" is no fault of its agent. After "abandoned", the agent gets no more questions."""

Report = Callable[[], None]
"""Reports how a question ended. It is called once for each question, when the question isn't asked again."""


@dataclass(frozen=True)
class Asked:
    """The result of asking a question once."""

    end: End
    report: Report
    error_kind: str | None = None
    """As in questions.csv."""


Ask = Callable[[Question, int, int], Awaitable[Asked]]
"""Asks an agent (counted from 0) a question, for the first time (1) or again."""

BACKLOG = 1000
"""The most questions that have arrived and wait for an agent. Further ones arrive late, with their intended start."""

Pause = Callable[[asyncio.Event], Awaitable[None]]
"""Waits between an agent's answer and its next question. It ends immediately when the event is set."""


@dataclass(slots=True)
class _Item:
    """A question in the queue, and how it was asked before."""

    question: Question
    ask: Ask
    until: float = math.inf
    """The time of time.perf_counter() until which it may be asked again."""
    attempts: int = 0
    last: Asked | None = None
    """The last attempt's result."""

    @property
    def is_expired(self) -> bool:
        return time.perf_counter() > self.until

    def report(self) -> None:
        if self.last is not None:
            self.last.report()


class Round:
    """Questions that share their agents' loops."""

    def __init__(
        self,
        back_offs: Sequence[BackOff],
        settings: DispatchSettings,
        pause: Pause | None = None,
    ) -> None:
        """`back_offs` has one for each agent."""
        self._queue: deque[_Item] = deque()
        self._ready = asyncio.Semaphore(0)
        """What the loops wait for, in the order in which their agents were free. Counts the questions in the queue."""
        self._room = asyncio.Semaphore(BACKLOG)
        """Counts how many more questions may arrive before one is asked."""
        self._is_complete = False
        """Whether no more questions are added."""
        self._back_offs = back_offs
        self._settings = settings
        self._pause = pause
        self._over = asyncio.Event()
        """Set when nothing is left to dispatch, and nothing will come or come back to be asked again."""
        self._may_return = 0
        """The questions in flight that are asked again if they fail."""
        self._loops: list[asyncio.Task[None]] = []
        self._taken: Counter[int] = Counter()
        self._held_back: set[int] = set()
        """The agents that got fewer questions because they failed."""
        self.retried: Counter[str] = Counter()
        """The failed attempts that were followed by another, by the kind of error."""
        self.dispatched = 0
        """The questions that were asked, each counted once."""

    def add(self, questions: Iterable[Question], ask: Ask) -> None:
        """Adds questions that `ask` asks."""
        for question in questions:
            self._put(_Item(question, ask))

    async def arrive(self, question: Question, ask: Ask, until: float) -> None:
        """Adds a question as soon as there is room; it is asked again until `until`, a time of time.perf_counter().

        Does nothing when the round is over.
        """
        await self._room.acquire()
        if self._over.is_set():
            self._room.release()  # for the next one
        else:
            self._put(_Item(question, ask, until))

    def complete(self) -> None:
        """Call it after the last question was added."""
        self._is_complete = True
        self._check_over()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    async def wait_until(self, moment: float) -> bool:
        """Waits until a time of time.perf_counter(). Returns False, before that, if the round is over."""
        if (left_s := moment - time.perf_counter()) > 0:
            with anyio.move_on_after(left_s):
                await self._over.wait()
        return not self.is_over

    def _put(self, item: _Item) -> None:
        self._queue.append(item)
        self._ready.release()

    @property
    def moved(self) -> int:
        """The questions that other agents took because an agent was held back: what it lacks of an equal share."""
        equal = self._taken.total() // len(self._back_offs)
        return sum(max(0, equal - self._taken[agent]) for agent in self._held_back)

    async def run(self) -> None:
        """Dispatches the questions; returns when all of them have ended, or no agent is left.

        Raises what `ask` raises.
        """
        agents = range(len(self._back_offs))
        self._loops = [
            asyncio.create_task(self._serve(agent)) for _ in range(self._settings.per_agent) for agent in agents
        ]
        await asyncio.wait(self._loops)
        self.stop()
        errors = [loop.exception() for loop in self._loops if not loop.cancelled()]
        for error in filter(None, errors):  # an internal error must not look like a normal end
            raise error

    async def _serve(self, agent: int) -> None:
        back_off = self._back_offs[agent]
        while not self._is_dropped(agent) and (item := await self._next()) is not None:
            end = await self._ask_once(item, agent)
            if end == "abandoned":
                return
            back_off.ended(failed=end == "failed")
            if self._over.is_set():
                continue
            if self._settings.on_failure == "back_off" and back_off.wait_s:
                self._held_back.add(agent)
                with anyio.move_on_after(back_off.wait_s):
                    await self._over.wait()
            if self._pause is not None:
                await self._pause(self._over)

    async def _next(self) -> _Item | None:
        """The next question; None when the round is over."""
        while not self._over.is_set():
            await self._ready.acquire()
            if not self._queue:
                return None
            item = self._queue.popleft()
            if item.last is None or not item.is_expired:
                return item
            item.report()  # there is no time left to ask it again
            self._check_over()
        return None

    async def _ask_once(self, item: _Item, agent: int) -> End:
        again = item.attempts < self._settings.retry and not item.is_expired
        self._count(item, agent)
        self._may_return += again
        self._check_over()
        try:
            asked = item.last = await item.ask(item.question, agent, item.attempts)
            if again and not self._over.is_set() and asked.end in ("failed", "failed here"):
                self._put(item)
            else:
                item.report()
        finally:
            self._may_return -= again
            self._check_over()
        return asked.end

    def _count(self, item: _Item, agent: int) -> None:
        """Counts one attempt at this agent."""
        if item.last is None:
            self.dispatched += 1
            self._room.release()
        else:
            self.retried[item.last.error_kind or "unexpected"] += 1
        self._taken[agent] += 1
        item.attempts += 1

    def _check_over(self) -> None:
        if not self._queue and not self._may_return and self._is_complete:
            self._end()

    def _end(self) -> None:
        if not self._over.is_set():
            self._over.set()
            self._room.release()  # for a question that waits to arrive
            for _ in self._loops:
                self._ready.release()

    def _is_dropped(self, agent: int) -> bool:
        if self._settings.on_failure != "drop" or self._back_offs[agent].failures < DROP_AFTER:
            return False
        self._held_back.add(agent)
        return True

    def stop(self) -> None:
        """Stops dispatching; questions in flight continue. Reports those that were to be asked again."""
        for item in self._queue:
            item.report()
        self._queue.clear()
        self._end()

    def abandon(self) -> None:
        """Stops dispatching, and cancels the questions in flight."""
        self.stop()
        for loop in self._loops:
            loop.cancel()
