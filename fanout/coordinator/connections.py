"""A coordinator's connections: counts them by agent, and tells which one a question used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from fanout.runs.schema import COUNTERS, AgentConnections, ConnectionCounts
from fanout.scenario import origin_of


@dataclass(eq=False)
class Connection:
    """A connection that was opened."""

    name: str
    """Unique within the run: coordinator, dash, number of the connection."""
    agent: int
    """The agent whose question opened it, counted from 0."""
    descriptor: int
    in_pool: bool = False
    to_be_closed: bool = False
    """Whether the peer has announced that it will close the connection."""
    speaks_http_1_0: bool = False
    """Whether it announced that by speaking HTTP/1.0, not by a header."""


class Tally:
    """The current counts for one agent or for all. The counters are those of fanout.runs.schema.ConnectionCounts."""

    def __init__(self) -> None:
        self.count = dict.fromkeys(COUNTERS, 0)
        self.in_flight = 0
        """The current number of questions."""
        self.in_pool = 0
        """The current number of connections."""

    def begin(self) -> None:
        """Counts a question that starts."""
        self.in_flight += 1
        self.count["max_in_flight"] = max(self.count["max_in_flight"], self.in_flight)

    def enter_pool(self) -> None:
        """Counts a connection that enters the pool, which includes one that is being opened."""
        self.in_pool += 1
        self.count["max_in_pool"] = max(self.count["max_in_pool"], self.in_pool)


class ConnectionLog:
    """Numbers a coordinator's connections as they open, and counts them by agent. Agents count from 0 here."""

    def __init__(self, coordinator: int, addresses: Sequence[str]) -> None:
        self._coordinator = coordinator
        self._ports = [urlsplit(address).port for address in addresses]
        self._origins = [origin_of(address) for address in addresses]
        self.total = Tally()
        self.of_agent = [Tally() for _ in addresses]
        # Keyed by file descriptor. Addresses don't identify a connection, since connections to different agents may
        # share a local port, and a connection that was reset has no address.
        self._open: dict[str, dict[int, Connection]] = {origin: {} for origin in self._origins}
        self._by_stream: WeakKeyDictionary[object, Connection] = WeakKeyDictionary()

    def _both(self, agent: int) -> tuple[Tally, Tally]:
        return self.total, self.of_agent[agent]

    def _open_to(self, agent: int) -> dict[int, Connection]:
        """The open connections to an agent's origin, by file descriptor."""
        return self._open[self._origins[agent]]

    def begin(self, agent: int) -> int:
        """Counts a question that starts; returns how many are in flight."""
        for tally in self._both(agent):
            tally.begin()
        return self.total.in_flight

    def end(self, agent: int, *, reused: bool | None) -> None:
        """Counts a question that has ended."""
        for tally in self._both(agent):
            tally.in_flight -= 1
            tally.count["reused"] += bool(reused)

    def opening(self, agent: int) -> None:
        """Counts a new connection that begins to open, for which the pool had a free place."""
        for tally in self._both(agent):
            tally.enter_pool()

    def opened(self, agent: int, descriptor: int, port: int | None) -> Connection:
        """Records a connection that was opened, on this file descriptor and to this port; None means unknown."""
        elsewhere = None not in (port, self._ports[agent]) and port != self._ports[agent]
        for tally in self._both(agent):
            tally.count["opened"] += 1
            tally.count["open"] += 1
            tally.count["elsewhere"] += elsewhere
        connection = Connection(f"{self._coordinator}-{self.total.count['opened']}", agent, descriptor)
        self._open_to(agent)[descriptor] = connection
        return connection

    def closed(self, connection: Connection, by_peer: bool) -> None:
        """Records that a connection has closed, and whether the peer closed it first. Repeated calls do nothing."""
        agent = connection.agent
        if self._open_to(agent).get(connection.descriptor) is not connection:
            return
        del self._open_to(agent)[connection.descriptor]
        if connection.in_pool:
            self._leave(agent)
        by_peer = by_peer or connection.to_be_closed
        for tally in self._both(agent):
            tally.count["open"] -= 1
            tally.count["closed_by_peer" if by_peer else "closed_by_us"] += 1
            tally.count["closes_announced"] += connection.to_be_closed
            tally.count["closed_by_http_1_0"] += connection.speaks_http_1_0

    def joined(self, agent: int, stream: object, descriptor: int) -> Connection | None:
        """Links an opened connection to the client library's stream. Returns None if it has closed meanwhile."""
        connection = self._open_to(agent).get(descriptor)
        if connection is None:
            self._leave(agent)
        else:
            connection.in_pool = True
            self.remember(stream, connection)
        return connection

    def not_opened(self, agent: int) -> None:
        """Counts a failed attempt to open a connection."""
        for tally in self._both(agent):
            tally.count["not_opened"] += 1
        self._leave(agent)

    def given_up(self, agent: int) -> None:
        """Records that a connection which was opened never entered the pool."""
        self._leave(agent)

    def _leave(self, agent: int) -> None:
        for tally in self._both(agent):
            tally.in_pool -= 1

    def remember(self, stream: object, connection: Connection) -> None:
        """Links a network stream to a connection. TLS replaces the stream of a connection by a new one."""
        self._by_stream[stream] = connection

    def of_stream(self, stream: object) -> Connection | None:
        return self._by_stream.get(stream)

    def only_one_to(self, agent: int) -> Connection | None:
        """The open connection to an agent's origin, if there is exactly one."""
        found = self._open_to(agent)
        return next(iter(found.values())) if len(found) == 1 else None

    def counts(self) -> ConnectionCounts:
        """The counters for all agents together."""
        return ConnectionCounts(**self.total.count)

    def by_agent(self) -> tuple[AgentConnections, ...]:
        """The counters for each agent, in order."""
        return tuple(AgentConnections(agent=number, **tally.count) for number, tally in enumerate(self.of_agent, 1))
