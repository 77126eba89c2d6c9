"""Injects the faults of a scenario's `workers.faults` that concern all questions of an agent."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from fanout.scenario import Scenario
from fanout.scenario.faults import AgentFault, Headers
from workers.connection_faults import Sleep

Lock = Callable[[], AbstractContextManager[Any]]


class FaultyAgent:
    """An agent's process that gets faults. It implements fanout.scenario.faults.Agent."""

    first_asked_at = 0.0

    def __init__(self, sleep: Sleep, lock: Lock) -> None:
        self.sleep = sleep
        self.turn = lock()
        self.counting = threading.Lock()
        self.counted_at: deque[float] = deque()
        """When the questions of the last second were counted, on the monotonic clock."""


class AgentFaults:
    """The faults to inject into every question of an agent."""

    def __init__(self, faults: tuple[AgentFault, ...], agent: FaultyAgent) -> None:
        self._faults = faults
        self._agent = agent

    @classmethod
    def of(cls, scenario: Scenario, agent: int, sleep: Sleep, lock: Lock) -> AgentFaults:
        """The scenario's faults for an agent, counted from 1."""
        mine = [fault for fault in scenario.workers.faults if fault.concerns(agent)]
        return cls(tuple(fault for fault in mine if isinstance(fault, AgentFault)), FaultyAgent(sleep, lock))

    def __bool__(self) -> bool:
        return bool(self._faults)

    def is_within(self, per_s: int) -> bool:
        """Counts a question, unless so many have been counted within the last second. Returns whether it did."""
        now, counted_at = time.monotonic(), self._agent.counted_at
        with self._agent.counting:
            while counted_at and now - counted_at[0] >= 1:
                counted_at.popleft()
            if len(counted_at) >= per_s:
                return False
            counted_at.append(now)
            return True

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """The context in which a question is served. Entering it may take long."""
        self._agent.first_asked_at = self._agent.first_asked_at or time.monotonic()
        with contextlib.ExitStack() as contexts:
            for fault in self._faults:
                contexts.enter_context(fault.serving(self._agent))
            yield

    def headers(self, headers: Headers) -> Headers:
        """The headers to send in place of these of an answer."""
        for fault in self._faults:
            headers = fault.headers(headers)
        return headers
