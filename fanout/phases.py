"""Where a question's time goes: phases, one after another, that add up to its round trip.

At each moment a question is in exactly one phase. The HTTP client's trace events and the event loop's name lookups move
it on; fanout/coordinator/tracing.py says which. The names are k6's where k6 has one.
"""

from __future__ import annotations

from typing import Literal, get_args

Phase = Literal[
    "encode", "blocked", "resolving", "connecting", "tls_handshaking", "sending", "waiting", "receiving", "decode"
]  # fmt: skip
PHASES: tuple[Phase, ...] = get_args(Phase)
MEANINGS: dict[Phase, str] = {
    "encode": "building the protocol's request",
    "blocked": "waiting for a connection from the pool",
    "resolving": "looking up the agent's host name, including the wait for an executor thread",
    "connecting": "opening a TCP connection",
    "tls_handshaking": "the TLS handshake",
    "sending": "writing the request",
    "waiting": "waiting for the response's headers, without the agent's service time",
    "receiving": "reading the response and returning the connection to the pool",
    "decode": "reading the answer out of the response",
}


def column_of(phase: Phase) -> str:
    """The column that has a phase's duration."""
    return f"{phase}_ms"
