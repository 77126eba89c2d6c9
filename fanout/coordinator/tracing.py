"""Records a question's phases, its connection, its name lookups and its attempts to connect."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence

from fanout.coordinator.blocking import BlockingCalls, Release
from fanout.coordinator.connections import Connection, ConnectionLog
from fanout.coordinator.event_loop import Lookup, LookupFailure
from fanout.coordinator.lookups import Attempts, Lookups
from fanout.phases import PHASES, Phase

UNTOLD: tuple[Phase, ...] = ("blocked", "connecting", "tls_handshaking", "sending")
"""The phases of a question whose client reported nothing between queued and receiving."""


class PhaseClock:
    """A question's stopwatch. It is always in one phase, at first in `encode`. Durations are in ms."""

    __slots__ = ("_began", "_phase", "_since", "_spent")

    def __init__(self, late_s: float = 0.0) -> None:
        """The question was to begin `late_s` ago."""
        self._spent: dict[Phase, float] = dict.fromkeys(PHASES, 0.0)
        self._spent["late"] = late_s * 1000
        self._phase: Phase = "encode"
        self._since = time.perf_counter()
        self._began = self._since - late_s

    def enter(self, phase: Phase) -> None:
        """Ends the current phase and begins another. The durations of a phase that is entered repeatedly are summed."""
        now = time.perf_counter()
        self._spent[self._phase] += (now - self._since) * 1000
        self._phase = phase
        self._since = now

    def stop(self) -> float:
        """Ends the current phase; returns the total time so far, which is the sum of all phases."""
        self.enter(self._phase)
        return (self._since - self._began) * 1000

    def spent_ms(self, service_ms: float, unknown: Sequence[Phase] = ()) -> dict[Phase, float]:
        """Each phase's duration, with `service_ms` subtracted from waiting.

        A busy coordinator may notice late that its last byte was sent, when the agent is already working. The agent
        can't have begun before that byte, so if `service_ms` exceeds waiting, the rest is subtracted from sending.
        The time of phases that are `unknown` counts in waiting.
        """
        spent_ms = dict(self._spent)
        early_ms = min(service_ms, spent_ms["waiting"])
        spent_ms["waiting"] -= early_ms
        spent_ms["sending"] -= service_ms - early_ms
        for phase in unknown:
            spent_ms["waiting"] += spent_ms.pop(phase)
        return spent_ms


class Trip:
    """Records one question on its way to an agent and back. It observes the client and the event loop."""

    def __init__(
        self, log: ConnectionLog, lookups: Lookups, agent: int, calls: BlockingCalls | None, late_s: float = 0.0
    ) -> None:
        """`calls` makes the question's blocking call; None if there is none. `late_s` is the time since its turn."""
        self.started = time.time() - late_s
        self.clock = PhaseClock(late_s)
        self.reused: bool | None = None
        """None until the request has a connection."""
        self.has_answer = False
        """Whether the headers of a response have arrived."""
        self.request_bytes: int | None = None
        """The size of the request's body; None until it is known."""
        self.response_bytes: int | None = None
        """The size of the response's body; None until it has been read."""
        self._log = log
        self._lookups = lookups
        self.agent = agent
        self._calls = calls
        self._release: Release | None = None
        self._connection: Connection | None = None
        self._has_opened = False
        """Whether a connection was opened since the last beginning of one."""
        self._attempts = Attempts(lookups.silent)

    def queued(self) -> None:
        self.clock.enter("blocked")

    def connecting(self) -> None:
        self.clock.enter("connecting")
        self.reused = False
        self._has_opened = False
        self._log.opening(self.agent)
        self._attempts = Attempts(self._lookups.silent)

    def connected(self, stream: object, descriptor: int) -> None:
        self._connection = self._log.joined(self.agent, stream, descriptor)

    def connect_failed(self) -> None:
        self.reused = None
        if self._has_opened:  # but it has broken since, or its handshake has failed
            self._log.given_up(self.agent)
        else:
            self._log.not_opened(self.agent)

    def handshaking(self) -> None:
        self.clock.enter("tls_handshaking")

    def encrypted(self, stream: object) -> None:
        if self._connection is not None:
            self._log.remember(stream, self._connection)

    def handshake_failed(self, *, left_open: bool) -> None:
        if left_open and self._connection is not None:
            self._log.closed(self._connection, by_peer=False)  # it will be closed, but nothing will report that

    def sending(self) -> None:
        self.clock.enter("sending")
        if self.reused is None:
            self.reused = True
            # Only the response tells which connection is used. Until then, the agent's only one is the best guess.
            self._connection = self._log.only_one_to(self.agent)

    def sent(self) -> None:
        self.clock.enter("waiting")
        if self._calls is not None and self._release is None:
            self._release = self._calls.begin()

    def waiting(self) -> None:
        self.clock.enter("waiting")

    def receiving(self) -> None:
        self.has_answer = True
        self.clock.enter("receiving")

    @property
    def untold(self) -> tuple[Phase, ...]:
        """The phases that are unknown because the client has an answer, but did not say when it began to send."""
        return UNTOLD if self.has_answer and self.reused is None else ()

    def close_announced(self, *, by_version: bool) -> None:
        if self._connection is not None:
            self._connection.to_be_closed = True
            self._connection.speaks_http_1_0 = by_version

    def lookup_began(self) -> None:
        self.clock.enter("resolving")
        self._lookups.begin()

    def lookup_ended(self, ended: Lookup | LookupFailure) -> None:
        self.clock.enter("connecting")
        self._lookups.end(ended)

    def trying(self, address: str) -> Callable[[bool], None]:
        return self._attempts.begin(address)

    def opened(self, descriptor: int, port: int | None) -> Callable[[bool], None]:
        self._has_opened = True
        return functools.partial(self._log.closed, self._log.opened(self.agent, descriptor, port))

    def answered(self, stream: object | None, response_bytes: int) -> None:
        """The response, with a body of this size, has been read from this stream."""
        self.response_bytes = response_bytes
        self.clock.enter("decode")
        self.release()
        known = None if stream is None else self._log.of_stream(stream)
        self._connection = known or self._connection

    def release(self) -> None:
        """Ends the question's blocking call, if there is one."""
        if self._release is not None:
            self._release()

    @property
    def connection(self) -> str | None:
        """The name of the connection on which the question was sent."""
        return None if self._connection is None else self._connection.name
