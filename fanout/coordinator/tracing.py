"""What is noted on one question's way: the phase it is in, its connection, its name lookups."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import httpx

from fanout.coordinator.blocking import BlockingCalls, Release
from fanout.coordinator.connections import Connection, ConnectionLog
from fanout.coordinator.event_loop import Lookup
from fanout.phases import PHASES, Phase
from fanout.runs.schema import LookupTimes, MeanAndMax

BEGINS: dict[str, Phase] = {
    "connection.connect_tcp.started": "connecting",
    "connection.start_tls.started": "tls_handshaking",
    "proxy.start_tls.started": "tls_handshaking",
    "http11.send_request_headers.started": "sending",
    "http11.send_request_body.complete": "waiting",
    # The body may have failed: an agent can close its end before it has all, and answer all the same.
    "http11.receive_response_headers.started": "waiting",
    "http11.receive_response_headers.complete": "receiving",
}
"""Which of httpcore's trace events begins which phase."""


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
    """One question's way to an agent and back. Its `trace` goes into the request's extensions of that name.

    It is also the event loop's observer while the question is on its way.
    """

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
        self._tunnelling = False
        self._connection: Connection | None = None

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore's callback."""
        if event == "http11.send_request_headers.started":
            self._tunnelling = info["request"].method == b"CONNECT"
        if self._tunnelling and event.startswith("http11."):
            return  # the request to a proxy for a tunnel, which is a part of connecting
        if (phase := BEGINS.get(event)) is not None:
            self.clock.enter(phase)
        if (note := self._NOTES.get(event)) is not None:
            note(self, info)

    def _opening(self, _info: Mapping[str, Any]) -> None:
        self.reused = False
        self._log.opening(self._agent)

    def _opened(self, info: Mapping[str, Any]) -> None:
        stream = info["return_value"]
        self._connection = self._log.joined(self._agent, stream, stream.get_extra_info("socket").fileno())

    def _not_opened(self, _info: Mapping[str, Any]) -> None:
        self.reused = None
        self._log.not_opened(self._agent)

    def _encrypted(self, info: Mapping[str, Any]) -> None:
        if self._connection is not None:
            self._log.remember(info["return_value"], self._connection)

    def _not_encrypted(self, info: Mapping[str, Any]) -> None:
        cancelled = not isinstance(info.get("exception"), Exception)
        if cancelled and self._connection is not None:
            # httpcore lets go of it without closing it: nobody else will tell.
            self._log.closed(self._connection, by_peer=False)

    def _sending(self, _info: Mapping[str, Any]) -> None:
        if self.reused is None:
            self.reused = True
            # Which one is only told with the response; until then the agent's own is the best that is known.
            self._connection = self._log.only_one_to(self._agent)

    def _sent(self, _info: Mapping[str, Any]) -> None:
        if self._calls is not None and self._release is None:
            self._release = self._calls.begin()

    def _answering(self, info: Mapping[str, Any]) -> None:
        version, _status, _reason, headers = info["return_value"]
        fields = {name.lower(): value.lower() for name, value in headers}
        if self._connection is not None and (b"close" in fields.get(b"connection", b"") or version == b"HTTP/1.0"):
            self._connection.to_be_closed = True

    _NOTES: ClassVar[dict[str, Callable[[Trip, Mapping[str, Any]], None]]] = {
        "connection.connect_tcp.started": _opening,
        "connection.connect_tcp.complete": _opened,
        "connection.connect_tcp.failed": _not_opened,
        "connection.start_tls.complete": _encrypted,
        "connection.start_tls.failed": _not_encrypted,
        "proxy.start_tls.complete": _encrypted,
        "proxy.start_tls.failed": _not_encrypted,
        "http11.send_request_headers.started": _sending,
        "http11.send_request_body.complete": _sent,
        "http11.receive_response_headers.complete": _answering,
    }

    def lookup_began(self) -> None:
        self.clock.enter("resolving")

    def lookup_ended(self, lookup: Lookup | None) -> None:
        self.clock.enter("connecting")
        if lookup is not None:
            self._lookups.add(lookup)

    def opened(self, descriptor: int, port: int | None) -> Callable[[bool], None]:
        return functools.partial(self._log.closed, self._log.opened(self._agent, descriptor, port))

    def answered(self, response: httpx.Response) -> None:
        """The response has been read."""
        self.clock.enter("decode")
        self.release()
        stream = response.extensions.get("network_stream")
        self._connection = self._log.of_stream(stream) or self._connection

    def release(self) -> None:
        """Ends the blocking call that goes with the question, if there is one."""
        if self._release is not None:
            self._release()

    @property
    def connection(self) -> str | None:
        """The name of the connection that the question went out on."""
        return None if self._connection is None else self._connection.name
