"""What is noted on one question's way: the phase it is in, its connection, its name lookups."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from fanout.coordinator.blocking import BlockingCalls, Release
from fanout.coordinator.connections import Connection, ConnectionLog
from fanout.coordinator.event_loop import Lookup
from fanout.phases import PHASES, Phase
from fanout.runs.schema import LookupTimes, MeanAndMax


class PhaseClock:
    """A question's stopwatch: always in one phase, from `encode` on. Durations in ms."""

    __slots__ = ("_began", "_phase", "_since", "_spent")

    def __init__(self) -> None:
        self._spent: dict[Phase, float] = dict.fromkeys(PHASES, 0.0)
        self._phase: Phase = "encode"
        self._began = self._since = time.perf_counter()

    def enter(self, phase: Phase) -> None:
        """Ends the present phase and begins another. A phase may be entered again; its durations add up."""
        now = time.perf_counter()
        self._spent[self._phase] += (now - self._since) * 1000
        self._phase = phase
        self._since = now

    def stop(self) -> float:
        """Ends the present phase; returns the whole time so far, which is the sum of all phases."""
        self.enter(self._phase)
        return (self._since - self._began) * 1000

    def spent_ms(self, service_ms: float) -> dict[Phase, float]:
        """Each phase's duration; `service_ms` is taken out of the waiting.

        A busy coordinator may learn late that its last byte has gone out, when the agent is thinking already. That the
        agent can't have begun before says when sending ended at the latest, so what is more than the waiting is taken
        out of the sending.
        """
        spent_ms = dict(self._spent)
        early_ms = min(service_ms, spent_ms["waiting"])
        spent_ms["waiting"] -= early_ms
        spent_ms["sending"] -= service_ms - early_ms
        return spent_ms


class Lookups:
    """A coordinator's name lookups that were answered, summed up."""

    def __init__(self) -> None:
        self._count = 0
        self._sums = {"queued_ms": 0.0, "took_ms": 0.0}
        self._largest = {"queued_ms": 0.0, "took_ms": 0.0}

    def add(self, lookup: Lookup) -> None:
        self._count += 1
        for name, value in vars(lookup).items():
            self._sums[name] += value
            self._largest[name] = max(self._largest[name], value)

    def times(self) -> LookupTimes:
        """How many, and how long each waited for a thread (queued) and then took."""
        return LookupTimes(self._count, **{name: self._mean_and_max(name) for name in self._sums})

    def _mean_and_max(self, name: str) -> MeanAndMax | None:
        return MeanAndMax(self._sums[name] / self._count, self._largest[name]) if self._count else None


class Trip:
    """One question's way to an agent and back, as its client and the event loop report it to their observer."""

    def __init__(self, log: ConnectionLog, lookups: Lookups, agent: int, calls: BlockingCalls | None) -> None:
        """`calls` is where the question's blocking call is made; None: it makes none."""
        self.started = time.time()
        self.clock = PhaseClock()
        self.reused: bool | None = None
        """None until the request had a connection."""
        self._log = log
        self._lookups = lookups
        self._agent = agent
        self._calls = calls
        self._release: Release | None = None
        self._connection: Connection | None = None

    def queued(self) -> None:
        self.clock.enter("blocked")

    def connecting(self) -> None:
        self.clock.enter("connecting")
        self.reused = False
        self._log.opening(self._agent)

    def connected(self, stream: object, descriptor: int) -> None:
        self._connection = self._log.joined(self._agent, stream, descriptor)

    def connect_failed(self) -> None:
        self.reused = None
        self._log.not_opened(self._agent)

    def handshaking(self) -> None:
        self.clock.enter("tls_handshaking")

    def encrypted(self, stream: object) -> None:
        if self._connection is not None:
            self._log.remember(stream, self._connection)

    def handshake_failed(self, *, left_open: bool) -> None:
        if left_open and self._connection is not None:
            self._log.closed(self._connection, by_peer=False)  # it will be, and nothing will report that

    def sending(self) -> None:
        self.clock.enter("sending")
        if self.reused is None:
            self.reused = True
            # Which one is known with the response; until then the agent's own is the best guess.
            self._connection = self._log.only_one_to(self._agent)

    def sent(self) -> None:
        self.clock.enter("waiting")
        if self._calls is not None and self._release is None:
            self._release = self._calls.begin()

    def waiting(self) -> None:
        self.clock.enter("waiting")

    def receiving(self) -> None:
        self.clock.enter("receiving")

    def close_announced(self) -> None:
        if self._connection is not None:
            self._connection.to_be_closed = True

    def lookup_began(self) -> None:
        self.clock.enter("resolving")

    def lookup_ended(self, lookup: Lookup | None) -> None:
        self.clock.enter("connecting")
        if lookup is not None:
            self._lookups.add(lookup)

    def opened(self, descriptor: int, port: int | None) -> Callable[[bool], None]:
        return functools.partial(self._log.closed, self._log.opened(self._agent, descriptor, port))

    def answered(self, stream: object | None) -> None:
        """The response has been read, off this stream."""
        self.clock.enter("decode")
        self.release()
        known = None if stream is None else self._log.of_stream(stream)
        self._connection = known or self._connection

    def release(self) -> None:
        """Ends the blocking call that goes with the question, if there is one."""
        if self._release is not None:
            self._release()

    @property
    def connection(self) -> str | None:
        """The name of the connection that the question went out on."""
        return None if self._connection is None else self._connection.name
