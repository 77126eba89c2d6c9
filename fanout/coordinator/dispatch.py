"""Dispatches questions to agents: loops of each agent take the next question from a shared queue.

Within a round, each agent therefore has a fixed number of questions in flight at most, and fast agents get more
questions than slow ones. An agent that fails at once would be the fastest of all, so its loops wait after a failure.
"""

from __future__ import annotations

import asyncio
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

Pause = Callable[[asyncio.Event], Awaitable[None]]
"""Waits between an agent's answer and its next question. It ends immediately when the event is set."""


@dataclass
class _Item:
    """A question in the queue, and how it was asked before."""

    question: Question
    attempts: int = 0
    last: Asked | None = None
    """The last attempt's result."""

    def report(self) -> None:
        if self.last is not None:
            self.last.report()


class Round:
    """All of a scenario's questions, dispatched once."""

    def __init__(
        self,
        questions: Iterable[Question],
        back_offs: Sequence[BackOff],
        ask: Ask,
        settings: DispatchSettings,
        pause: Pause | None = None,
    ) -> None:
        """`back_offs` has one for each agent."""
        self._queue = deque(map(_Item, questions))
        self._back_offs = back_offs
        self._ask = ask
        self._settings = settings
        self._pause = pause
        self._over = asyncio.Event()
        """Set when nothing is left to dispatch, and nothing will come back to be asked again."""
        self._returned = asyncio.Event()
        """Set when a question has come back, or none will."""
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
        """The next question; None if there is none, and none will come back."""
        while not self._queue and self._may_return:
            self._returned.clear()
            await self._returned.wait()
        return self._queue.popleft() if self._queue else None

    async def _ask_once(self, item: _Item, agent: int) -> End:
        again = item.attempts < self._settings.retry
        self._count(item, agent)
        self._may_return += again
        self._check_over()
        try:
            asked = item.last = await self._ask(item.question, agent, item.attempts)
            if again and not self._over.is_set() and asked.end in ("failed", "failed here"):
                self._queue.append(item)
                self._returned.set()
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
        else:
            self.retried[item.last.error_kind or "unexpected"] += 1
        self._taken[agent] += 1
        item.attempts += 1

    def _check_over(self) -> None:
        if not self._queue and not self._may_return:
            self._over.set()
            self._returned.set()

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
        self._over.set()
        self._returned.set()

    def abandon(self) -> None:
        """Stops dispatching, and cancels the questions in flight."""
        self.stop()
        for loop in self._loops:
            loop.cancel()
