"""Injects the faults of a scenario's `workers.faults` into an agent's connections.

A connection has no question id, so nothing is drawn: every connection gets the faults once the agent is warmed up.
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
    """Resets a TCP connection, which discards all data not yet read or sent."""
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
class ConnectionFaults:
    """The faults to inject into every connection of an agent."""

    faults: tuple[ConnectionFault, ...]
    counters: Counters
    sleep: Sleep

    @classmethod
    def of(cls, scenario: Scenario, agent: int, counters: Counters, sleep: Sleep) -> ConnectionFaults:
        """The scenario's faults for the connections of an agent, counted from 1."""
        mine = [fault for fault in scenario.workers.faults if fault.concerns(agent)]
        return cls(tuple(fault for fault in mine if isinstance(fault, ConnectionFault)), counters, sleep)

    @property
    def idle_s(self) -> float | None:
        """How long a connection may be idle; None means forever."""
        return min((idle_s for fault in self.faults if (idle_s := fault.max_idle_s()) is not None), default=None)

    def accept(self, connection: socket.socket) -> bool:
        """Injects the faults into a new connection before the server uses it. Returns whether it is still open."""
        if not self.counters.served:
            return True
        accepted = Accepted(connection, self.sleep)
        return all(fault.on_accept(accepted) for fault in self.faults)
