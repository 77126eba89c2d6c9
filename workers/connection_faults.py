"""Injects the faults of a scenario's `workers.faults` into an agent's connections.

A connection has no question id, so nothing is drawn by it: every connection gets the faults once the agent is warmed
up.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fanout.errors import CouldNotRunError
from fanout.scenario import Scenario
from fanout.scenario.faults import ConnectionFault
from workers.counters import Counters
from workers.dropped_requests import drop_requests
from workers.server import Environ, WsgiApp

Sleep = Callable[[float], Any]
_CHUNK = 65_536


def reset(connection: socket.socket) -> None:
    """Resets a TCP connection, which discards all data not yet read or sent."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def swallow(connection: socket.socket) -> None:
    """Reads and drops whatever arrives until the client closes the connection."""
    while connection.recv(_CHUNK):
        pass


@dataclass(frozen=True)
class FaultyConnection:
    """A connection that gets faults. It implements fanout.scenario.faults.Connection."""

    socket: socket.socket
    sleep: Sleep

    def reset(self) -> None:
        reset(self.socket)

    def swallow(self) -> None:
        swallow(self.socket)


@dataclass(frozen=True)
class FaultyListener:
    """A listening socket that gets faults. It implements fanout.scenario.faults.Listener."""

    socket: socket.socket

    def drop_requests(self, share: float) -> None:
        drop_requests(self.socket, share)


@dataclass(frozen=True)
class ConnectionFaults:
    """The faults to inject into every connection of an agent."""

    faults: tuple[ConnectionFault, ...]
    counters: Counters
    sleep: Sleep
    keep_alive_s: float | None
    """How long the server keeps an idle connection; None means forever."""

    @classmethod
    def of(cls, scenario: Scenario, agent: int, counters: Counters, sleep: Sleep) -> ConnectionFaults:
        """The scenario's faults for the connections of an agent, counted from 1."""
        mine = [fault for fault in scenario.workers.faults if fault.concerns(agent)]
        faults = tuple(fault for fault in mine if isinstance(fault, ConnectionFault))
        return cls(faults, counters, sleep, scenario.workers.idle_s)

    def check(self) -> None:
        """Raises CouldNotRunError for a fault of the listening socket that this system can't inject."""
        for fault in self.faults:
            with socket.socket() as trial:
                try:
                    fault.on_listen(FaultyListener(trial))
                except OSError as error:
                    raise CouldNotRunError(
                        f"workers.faults: {fault.kind} is not possible on this system: {error.strerror}; leave it out"
                    ) from error

    @property
    def _least_patient(self) -> ConnectionFault | None:
        """The fault that waits the shortest time for an idle connection, if any fault waits."""
        waiting = [fault for fault in self.faults if fault.max_idle_s() is not None]
        return min(waiting, key=lambda fault: fault.max_idle_s() or 0, default=None)

    @property
    def idle_s(self) -> float | None:
        """How long a connection may be idle; None means forever. No fault waits longer than the server."""
        fault = self._least_patient
        return self.keep_alive_s if fault is None else fault.max_idle_s()

    def idle(self, connection: socket.socket) -> None:
        """Injects the fault into a connection that has been idle for so long."""
        if (fault := self._least_patient) is not None:
            fault.on_idle(FaultyConnection(connection, self.sleep))

    def accept(self, connection: socket.socket) -> bool:
        """Injects the faults into a new connection before the server uses it. Returns whether it is still open."""
        if not self.counters.served:
            return True
        accepted = FaultyConnection(connection, self.sleep)
        return all(fault.on_accept(accepted) for fault in self.faults)

    def listening(self, app: WsgiApp, listener: socket.socket) -> WsgiApp:
        """Wraps an app to inject the faults into its listening socket, before it sends its first answer.

        That is the answer to its warm-up, unless it is restarted.
        """
        if not self.faults:
            return app
        first = contextlib.ExitStack()
        for fault in self.faults:
            first.callback(fault.on_listen, FaultyListener(listener))
        if self.counters.served:
            first.close()

        def serve(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
            body = app(environ, start_response)
            first.close()
            return body

        return serve
