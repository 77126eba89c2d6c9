"""The HTTP clients of a coordinator, behind an interface that no client library is named in.

    AgentClients              a coordinator's agents: which client each is asked through
    └── Client                one client of a library, with a connection pool of its own
        └── Response          its status and headers, its body in chunks, its connection

A library is a module of this package with what `Library` has. It is all that imports the library, translates its errors
into ClientError's tree, and reports a request's steps to a RequestObserver. `_httpx` is httpx's.
"""

from fanout.coordinator.clients._agent_clients import LIBRARY, AgentClients, make_clients
from fanout.coordinator.clients._interface import (
    ACCEPTED,
    Client,
    ClientError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    Library,
    PoolTimeoutError,
    ReadTimeoutError,
    RemoteProtocolError,
    RequestObserver,
    Response,
    WriteTimeoutError,
)

__all__ = [
    "ACCEPTED",
    "LIBRARY",
    "AgentClients",
    "Client",
    "ClientError",
    "ConnectError",
    "ConnectTimeoutError",
    "ConnectionLostError",
    "Library",
    "PoolTimeoutError",
    "ReadTimeoutError",
    "RemoteProtocolError",
    "RequestObserver",
    "Response",
    "WriteTimeoutError",
    "make_clients",
]
