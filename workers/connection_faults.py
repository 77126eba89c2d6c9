"""What goes wrong with an agent's connections, by its scenario's `workers.faults`.

A connection has no question id, so that nothing is drawn: each is struck, once the agent is warmed up.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fanout.scenario import Scenario, faults
from workers.counters import Counters

Sleep = Callable[[float], Any]


def reset(connection: socket.socket) -> None:
    """Ends a connection by a TCP reset: what was not read or sent is thrown away."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


@dataclass(frozen=True)
class OnConnection:
    """What goes wrong with every connection of an agent."""

    counters: Counters
    sleep: Sleep
    slow_s: float
    resets: bool
    idle_s: float | None
    """How long a connection may be idle; None: for ever."""

    @classmethod
    def of(cls, scenario: Scenario, agent: int, counters: Counters, sleep: Sleep) -> OnConnection:
        """The scenario's faults on an agent's connections; agents are counted from 1."""
        mine = [fault for fault in scenario.workers.faults if fault.concerns(agent)]
        return cls(
            counters=counters,
            sleep=sleep,
            slow_s=sum(fault.delay_s for fault in mine if isinstance(fault, faults.SlowAccept)),
            resets=any(isinstance(fault, faults.ResetOnAccept) for fault in mine),
            idle_s=min((fault.idle_s for fault in mine if isinstance(fault, faults.CloseWhenIdle)), default=None),
        )

    def accept(self, connection: socket.socket) -> bool:
        """Strikes one that was accepted, before anything else is done with it; says whether it is still there."""
        if not self.counters.served:
            return True
        if self.slow_s:
            self.sleep(self.slow_s)
        if self.resets:
            reset(connection)
        return not self.resets
