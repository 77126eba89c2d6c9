"""Where a question's time goes: nine phases, one after another, that add up to its round trip.

At each moment a question is in exactly one phase; httpcore's trace events and the event loop's name lookups move it on.

    encode           the protocol's request is written
    blocked          waiting for the pool to give it a connection
    resolving        looking up the agent's host name, the wait for a thread of the executor included
    connecting       opening a TCP connection
    tls_handshaking
    sending          until the last byte of the request is written
    waiting          until the response's headers are in; the agent's service time is taken out
    receiving        the response's body, and giving the connection back to the pool
    decode           the answer is read out of the response

The names are k6's where k6 has one. The events are those of https://www.encode.io/httpcore/extensions/#trace.
"""

from __future__ import annotations

import time
from typing import Literal, get_args

Phase = Literal[
    "encode", "blocked", "resolving", "connecting", "tls_handshaking", "sending", "waiting", "receiving", "decode"
]
PHASES: tuple[Phase, ...] = get_args(Phase)

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

    def spent_ms(self, service_ms: float) -> dict[str, float]:
        """Each phase's duration, as outcome columns; `service_ms` is taken out of the waiting.

        A busy coordinator may learn late that its last byte has gone out, when the agent is thinking already. That the
        agent can't have begun before says when sending ended at the latest, so what is more than the waiting is taken
        out of the sending.
        """
        columns = {f"{phase}_ms": spent for phase, spent in self._spent.items()}
        early_ms = min(service_ms, columns["waiting_ms"])
        columns["waiting_ms"] -= early_ms
        columns["sending_ms"] -= service_ms - early_ms
        return columns
