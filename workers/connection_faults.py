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

from fanout.scenario import Scenario
from fanout.scenario.faults import ConnectionFault
from workers.counters import Counters

Sleep = Callable[[float], Any]


def reset(connection: socket.socket) -> None:
    """Ends a connection by a TCP reset: what was not read or sent is thrown away."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


@dataclass(frozen=True)
class Accepted:
    """A connection that an agent has just accepted."""

    socket: socket.socket
    sleep: Sleep

    def reset(self) -> None:
        reset(self.socket)


@dataclass(frozen=True)
class OnConnection:
    """What goes wrong with every connection of an agent."""

    faults: tuple[ConnectionFault, ...]
    counters: Counters
    sleep: Sleep

    @classmethod
    def of(cls, scenario: Scenario, agent: int, counters: Counters, sleep: Sleep) -> OnConnection:
        """The scenario's faults on an agent's connections; agents are counted from 1."""
        mine = [fault for fault in scenario.workers.faults if fault.concerns(agent)]
        return cls(tuple(fault for fault in mine if isinstance(fault, ConnectionFault)), counters, sleep)

    @property
    def idle_s(self) -> float | None:
        """How long a connection may be idle; None: for ever."""
        return min((idle_s for fault in self.faults if (idle_s := fault.max_idle_s()) is not None), default=None)

    def accept(self, connection: socket.socket) -> bool:
        """Strikes one that was accepted, before anything else is done with it; says whether it is still there."""
        if not self.counters.served:
            return True
        accepted = Accepted(connection, self.sleep)
        return all(fault.on_accept(accepted) for fault in self.faults)
