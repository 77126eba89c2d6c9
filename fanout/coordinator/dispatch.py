"""Questions → agents: one loop per agent takes the next question from a shared queue.

So at most as many questions as agents are in flight, within a round one at a time per agent, and a fast agent gets more
of them than a slow one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from fanout.protocols import Question

Ask = Callable[[Question, int], Awaitable[bool]]
"""Asks a question of an agent (counted from 0), and says whether to go on with that agent."""

Pause = Callable[[asyncio.Event], Awaitable[None]]
"""What comes between an agent's answer and its next question; ends at once when the event is set."""


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
        """Returns when every question that was dispatched has ended. Raises what `ask` raised."""
        self._loops = [asyncio.create_task(self._serve(agent)) for agent in range(self._agents)]
        await asyncio.wait(self._loops)
        errors = [loop.exception() for loop in self._loops if not loop.cancelled()]
        for error in filter(None, errors):  # a mistake of our own must not pass for an end
            raise error

    async def _serve(self, agent: int) -> None:
        while self._queue:
            self.dispatched += 1
            if not await self._ask(self._queue.popleft(), agent):
                return
            if self._queue and self._pause is not None:
                await self._pause(self._stopped)

    def stop(self) -> None:
        """Dispatches no more; what is in flight goes on."""
        self._queue.clear()
        self._stopped.set()

    def abandon(self) -> None:
        """Stops, and cancels what is in flight."""
        self.stop()
        for loop in self._loops:
            loop.cancel()
