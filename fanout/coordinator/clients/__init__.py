"""The HTTP clients of a coordinator, behind an interface that is independent of the client library.

    AgentClients              all clients of a coordinator, which maps agents to clients
    └── Client                one client of the library, with its own connection pool
        └── Response          status and headers, the body in chunks, the connection

Each client library has a module in `libraries` that implements `Library`. Only this module imports the library. It
translates its errors into subclasses of ClientError, and reports a request's steps to a RequestObserver.
"""

from fanout.coordinator.clients._agent_clients import AgentClients, library_of, make_clients
from fanout.coordinator.clients._interface import (
    ACCEPTED,
    Client,
    ClientError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    Library,
    PoolTimeoutError,
    ProxyRefusedError,
    ReadTimeoutError,
    RemoteProtocolError,
    RequestObserver,
    Response,
    WriteTimeoutError,
)

__all__ = [
    "ACCEPTED",
    "AgentClients",
    "Client",
    "ClientError",
    "ConnectError",
    "ConnectTimeoutError",
    "ConnectionLostError",
    "Library",
    "PoolTimeoutError",
    "ProxyRefusedError",
    "ReadTimeoutError",
    "RemoteProtocolError",
    "RequestObserver",
    "Response",
    "WriteTimeoutError",
    "library_of",
    "make_clients",
]
