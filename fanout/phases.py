"""Where a question's time goes: consecutive phases that add up to its round trip.

With `arrivals`, a round trip begins at the question's intended start, and the phase `late` lasts until its real one.
A question is always in exactly one phase. The HTTP client's trace events and the event loop's name lookups start the
next phase; fanout/coordinator/tracing.py says which. The names are those of k6 where k6 has one.
"""

from __future__ import annotations

from typing import Literal, get_args

Phase = Literal[
    "late", "encode", "blocked", "resolving", "connecting", "tls_handshaking", "sending", "waiting", "receiving",
    "decode",
]  # fmt: skip
PHASES: tuple[Phase, ...] = get_args(Phase)
MEANINGS: dict[Phase, str] = {
    "late": "waiting for its turn after its intended start, where the scenario has arrivals",
    "encode": "building the protocol's request, and the client where each question has its own",
    "blocked": "waiting for a connection from the pool",
    "resolving": "looking up the agent's host name, including the wait for an executor thread",
    "connecting": "opening a TCP connection",
    "tls_handshaking": "the TLS handshake",
    "sending": "writing the request",
    "waiting": "waiting for the response's headers, without the agent's service time",
    "receiving": "reading the response and returning the connection to the pool",
    "decode": "extracting the answer from the response",
}

PHASE_COLOURS: dict[Phase, str] = {
    "late": "#117733",
    "encode": "#AA4499",
    "blocked": "#3A9BD4",
    "resolving": "#D55E00",
    "connecting": "#0072B2",
    "tls_handshaking": "#C98500",
    "sending": "#009E73",
    "waiting": "#CC79A7",
    "receiving": "#999933",
    "decode": "#8C8C8C",
}
"""The colour of each phase in charts and on pages. All are legible on white and on a dark page. Neighbours differ
without red or green, in blue or lightness."""


def column_of(phase: Phase) -> str:
    """The column with a phase's duration."""
    return f"{phase}_ms"


LATE_MS = 10.0
"""A question that starts more than this after its intended start is late. Timers alone are late by 1 ms or so."""
