"""A coordinator's connections: which one each question used, and how many there were, by agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary


@dataclass(eq=False)
class Connection:
    """One that was opened."""

    name: str
    """Unique within the run: coordinator, dash, number of the connection."""
    agent: int
    """Whose question opened it, counted from 0."""
    descriptor: int
    in_pool: bool = False
    to_be_closed: bool = False
    """Whether the peer has announced that it will close it."""


@dataclass
class Counts:
    """Of one agent, or of all."""

    opened: int = 0
    not_opened: int = 0
    """Tries to open one that came to nothing. The agent may have accepted it all the same."""
    reused: int = 0
    """Questions that went out on a connection that existed before."""
    closed_by_us: int = 0
    closed_by_peer: int = 0
    """Connections that the peer closed, or announced to close."""
    closes_announced: int = 0
    """How many of those it had announced."""
    elsewhere: int = 0
    """Connections that led to another port than the agent's: to a proxy."""
    in_flight: int = 0
    max_in_flight: int = 0
    """Questions at once."""
    in_pool: int = 0
    max_in_pool: int = 0
    """Connections at once, those that are being opened included."""

    def to_json(self) -> dict[str, int]:
        """The counts as run.json has them; `open` is what nobody has closed so far."""
        return {
            "opened": self.opened,
            "not_opened": self.not_opened,
            "reused": self.reused,
            "closed_by_us": self.closed_by_us,
            "closed_by_peer": self.closed_by_peer,
            "closes_announced": self.closes_announced,
            "open": self.opened - self.closed_by_us - self.closed_by_peer,
            "elsewhere": self.elsewhere,
            "max_in_flight": self.max_in_flight,
            "max_in_pool": self.max_in_pool,
        }


class ConnectionLog:
    """Numbers a coordinator's connections as they open, and counts by agent. Agents are counted from 0 here."""

    def __init__(self, coordinator: int, ports: Sequence[int | None]) -> None:
        """`ports` are the agents' own; None where it isn't known."""
        self._coordinator = coordinator
        self._ports = ports
        self.total = Counts()
        self.of_agent = [Counts() for _ in ports]
        # By file descriptor: addresses are no name, since connections to different agents may leave from the same port,
        # and a connection that was reset has none.
        self._open: list[dict[int, Connection]] = [{} for _ in ports]
        self._by_stream: WeakKeyDictionary[object, Connection] = WeakKeyDictionary()

    def _both(self, agent: int) -> tuple[Counts, Counts]:
        return self.total, self.of_agent[agent]

    def begin(self, agent: int) -> int:
        """A question is on its way; returns how many are."""
        for counts in self._both(agent):
            counts.in_flight += 1
            counts.max_in_flight = max(counts.max_in_flight, counts.in_flight)
        return self.total.in_flight

    def end(self, agent: int, *, reused: bool | None) -> None:
        """A question has ended."""
        for counts in self._both(agent):
            counts.in_flight -= 1
            counts.reused += bool(reused)

    def opening(self, agent: int) -> None:
        """The pool has a place for a new connection."""
        for counts in self._both(agent):
            counts.in_pool += 1
            counts.max_in_pool = max(counts.max_in_pool, counts.in_pool)

    def opened(self, agent: int, descriptor: int, port: int | None) -> Connection:
        """There is a connection, on this file descriptor and to this port, None where it isn't known."""
        for counts in self._both(agent):
            counts.opened += 1
            counts.elsewhere += None not in (port, self._ports[agent]) and port != self._ports[agent]
        connection = Connection(f"{self._coordinator}-{self.total.opened}", agent, descriptor)
        self._open[agent][descriptor] = connection
        return connection

    def closed(self, connection: Connection, by_peer: bool) -> None:
        """It has closed, and whether the peer began it; to say so a second time does nothing."""
        agent = connection.agent
        if self._open[agent].get(connection.descriptor) is not connection:
            return
        del self._open[agent][connection.descriptor]
        if connection.in_pool:
            self._leave(agent)
        for counts in self._both(agent):
            if by_peer or connection.to_be_closed:
                counts.closed_by_peer += 1
                counts.closes_announced += connection.to_be_closed
            else:
                counts.closed_by_us += 1

    def joined(self, agent: int, stream: object, descriptor: int) -> Connection | None:
        """What was being opened has become this network stream of httpcore's; None if it has closed since."""
        connection = self._open[agent].get(descriptor)
        if connection is None:
            self._leave(agent)
        else:
            connection.in_pool = True
            self.remember(stream, connection)
        return connection

    def not_opened(self, agent: int) -> None:
        """What was being opened has come to nothing."""
        for counts in self._both(agent):
            counts.not_opened += 1
        self._leave(agent)

    def _leave(self, agent: int) -> None:
        for counts in self._both(agent):
            counts.in_pool -= 1

    def remember(self, stream: object, connection: Connection) -> None:
        """That a network stream is this connection; TLS makes a new stream of the old one."""
        self._by_stream[stream] = connection

    def of_stream(self, stream: object) -> Connection | None:
        return self._by_stream.get(stream)

    def only_one_to(self, agent: int) -> Connection | None:
        """The open connection to an agent, where there is exactly one."""
        found = self._open[agent]
        return next(iter(found.values())) if len(found) == 1 else None

    def to_json(self) -> dict[str, Any]:
        """The counts of all, and those of each agent, in order."""
        agents = [{"agent": number, **counts.to_json()} for number, counts in enumerate(self.of_agent, 1)]
        return {"connections": self.total.to_json(), "agents": agents}
