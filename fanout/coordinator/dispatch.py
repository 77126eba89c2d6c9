"""Dispatches questions to agents: one loop per agent takes the next question from a shared queue.

Within a round each agent therefore has at most one question in flight, and fast agents get more questions than slow
ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from fanout.protocols import Question

Ask = Callable[[Question, int], Awaitable[bool]]
"""Asks an agent (counted from 0) a question, and returns whether to continue with that agent."""

Pause = Callable[[asyncio.Event], Awaitable[None]]
"""Waits between an agent's answer and its next question. It ends immediately when the event is set."""


class Round:
    """All of a scenario's questions, dispatched once."""

    def __init__(self, questions: Iterable[Question], agents: int, ask: Ask, pause: Pause | None = None) -> None:
        self._queue = deque(questions)
        self._agents = agents
        self._ask = ask
        self._pause = pause
        self._stopped = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self.dispatched = 0

    async def run(self) -> None:
        """Dispatches the questions; returns when all of them have ended. Raises what `ask` raises."""
        self._loops = [asyncio.create_task(self._serve(agent)) for agent in range(self._agents)]
        await asyncio.wait(self._loops)
        errors = [loop.exception() for loop in self._loops if not loop.cancelled()]
        for error in filter(None, errors):  # an internal error must not look like a normal end
            raise error

    async def _serve(self, agent: int) -> None:
        while self._queue:
            self.dispatched += 1
            if not await self._ask(self._queue.popleft(), agent):
                return
            if self._queue and self._pause is not None:
                await self._pause(self._stopped)

    def stop(self) -> None:
        """Stops dispatching; questions in flight continue."""
        self._queue.clear()
        self._stopped.set()

    def abandon(self) -> None:
        """Stops dispatching, and cancels the questions in flight."""
        self.stop()
        for loop in self._loops:
            loop.cancel()
