"""Where a question's time goes: phases, one after another, that add up to its round trip.

At each moment a question is in exactly one phase. The HTTP client's trace events and the event loop's name lookups move
it on; fanout/coordinator/tracing.py says which. The names are k6's where k6 has one.
"""

from __future__ import annotations

from typing import Literal, get_args

Phase = Literal[
    "encode",  # the protocol's request is written
    "blocked",  # waiting for the pool to give it a connection
    "resolving",  # looking up the agent's host name, the wait for a thread of the executor included
    "connecting",  # opening a TCP connection
    "tls_handshaking",
    "sending",  # until the last byte of the request is written
    "waiting",  # until the response's headers are in; the agent's service time is taken out
    "receiving",  # the response's body, and giving the connection back to the pool
    "decode",  # the answer is read out of the response
]
PHASES: tuple[Phase, ...] = get_args(Phase)


def column_of(phase: Phase) -> str:
    """The column that has a phase's duration."""
    return f"{phase}_ms"
