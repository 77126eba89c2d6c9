"""Dispatches questions to agents: loops of each agent take the next question from a shared queue.

Within a round, each agent therefore has a fixed number of questions in flight at most, and fast agents get more
questions than slow ones. An agent that fails at once would be the fastest of all, so its loops wait after a failure.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal

import anyio

from fanout.coordinator.back_off import DROP_AFTER, BackOff
from fanout.protocols import Question
from fanout.scenario import DispatchSettings

End = Literal["ok", "failed", "abandoned"]
"""How a question ended, as far as its agent is concerned. After "abandoned", the agent gets no more questions."""

Ask = Callable[[Question, int], Awaitable[End]]
"""Asks an agent (counted from 0) a question."""

Pause = Callable[[asyncio.Event], Awaitable[None]]
"""Waits between an agent's answer and its next question. It ends immediately when the event is set."""


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
        self._queue = deque(questions)
        self._back_offs = back_offs
        self._ask = ask
        self._settings = settings
        self._pause = pause
        self._over = asyncio.Event()
        """Set when nothing is left to dispatch."""
        self._loops: list[asyncio.Task[None]] = []
        self._taken: Counter[int] = Counter()
        self._held_back: set[int] = set()
        """The agents that got fewer questions because they failed."""

    @property
    def dispatched(self) -> int:
        return self._taken.total()

    @property
    def moved(self) -> int:
        """The questions that other agents took because an agent was held back: what it lacks of an equal share."""
        equal = self.dispatched // len(self._back_offs)
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
        errors = [loop.exception() for loop in self._loops if not loop.cancelled()]
        for error in filter(None, errors):  # an internal error must not look like a normal end
            raise error

    async def _serve(self, agent: int) -> None:
        back_off = self._back_offs[agent]
        while self._queue and not self._is_dropped(agent):
            question = self._queue.popleft()
            self._taken[agent] += 1
            if not self._queue:
                self._over.set()
            end = await self._ask(question, agent)
            if end == "abandoned":
                return
            back_off.ended(failed=end == "failed")
            if self._queue and self._settings.on_failure == "back_off" and back_off.wait_s:
                self._held_back.add(agent)
                with anyio.move_on_after(back_off.wait_s):
                    await self._over.wait()
            if self._queue and self._pause is not None:
                await self._pause(self._over)

    def _is_dropped(self, agent: int) -> bool:
        if self._settings.on_failure != "drop" or self._back_offs[agent].failures < DROP_AFTER:
            return False
        self._held_back.add(agent)
        return True

    def stop(self) -> None:
        """Stops dispatching; questions in flight continue."""
        self._queue.clear()
        self._over.set()

    def abandon(self) -> None:
        """Stops dispatching, and cancels the questions in flight."""
        self.stop()
        for loop in self._loops:
            loop.cancel()
