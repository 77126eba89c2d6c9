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

from typing import Literal, get_args

Phase = Literal[
    "encode", "blocked", "resolving", "connecting", "tls_handshaking", "sending", "waiting", "receiving", "decode"
]
PHASES: tuple[Phase, ...] = get_args(Phase)
