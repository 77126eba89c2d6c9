"""The interface between a coordinator and an HTTP client library.

An observer is notified of a request's steps in this order. Those in parentheses occur for new connections only:

    queued                                       the request is built, and waits for a place in the pool
    (connecting, connected or connect_failed)    a new connection, including the lookup of a host name
    (handshaking, encrypted or handshake_failed) TLS on the new connection
    sending, sent                                the request's first byte, and its last
    waiting                                      for the response's headers, even if not all of the request was sent
    receiving                                    the headers have arrived, the body has not
    close_announced                              only if the agent will close the connection, as it says in a header,
                                                 or as all agents do that speak HTTP/1.0

A failed request raises one of these errors. Its `__cause__` is the library's own error:

    ClientError
    ├── PoolTimeoutError          no place in the pool in time
    ├── ConnectTimeoutError       not connected in time
    ├── ReadTimeoutError          nothing received in time
    ├── WriteTimeoutError         nothing could be sent in time
    ├── ConnectError              not connected: no such host, refused, no agreement on TLS
    │   └── ProxyRefusedError     a proxy answered that it won't connect
    └── ConnectionLostError       the connection broke
        └── RemoteProtocolError   the agent closed it before its response was whole, or sent what isn't HTTP
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from fanout.phases import Phase
from fanout.runs.schema import ClientInfo
from fanout.scenario import ClientSettings

ACCEPTED = "gzip, deflate"
"""The encodings that a client accepts: those of httpx unless packages for more are installed."""


class ClientError(Exception):
    """A request failed."""


class PoolTimeoutError(ClientError):
    """No place in the connection pool became free in time."""


class ConnectTimeoutError(ClientError):
    """A connection was not made in time."""


class ReadTimeoutError(ClientError):
    """Nothing was received in time."""


class WriteTimeoutError(ClientError):
    """Nothing could be sent in time."""


class ConnectError(ClientError):
    """No connection could be made."""


class ProxyRefusedError(ConnectError):
    """A proxy answered that it won't connect."""


class ConnectionLostError(ClientError):
    """The connection broke."""


class RemoteProtocolError(ConnectionLostError):
    """The agent closed the connection before its response was whole, or sent what isn't HTTP."""


class RequestObserver(Protocol):
    """Receives notifications of a request's steps. A library that can't detect a step leaves it out.

    A `stream` is the library's object for a connection. It is hashable and supports weak references.
    """

    def queued(self) -> None: ...

    def connecting(self) -> None: ...

    def connected(self, stream: object, descriptor: int) -> None: ...

    def connect_failed(self) -> None: ...

    def handshaking(self) -> None: ...

    def encrypted(self, stream: object) -> None:
        """`stream` replaces the one that `connected` was called with."""

    def handshake_failed(self, *, left_open: bool) -> None:
        """`left_open` means that the library has dropped the connection without closing it."""

    def sending(self) -> None: ...

    def sent(self) -> None: ...

    def waiting(self) -> None: ...

    def receiving(self) -> None: ...

    def close_announced(self, *, by_version: bool) -> None:
        """`by_version` means that the response is HTTP/1.0, which ends with its connection."""


class Response(Protocol):
    """A response's status and headers. The caller reads its body and closes it."""

    @property
    def status(self) -> int: ...

    @property
    def reason(self) -> str: ...

    @property
    def url(self) -> str:
        """The address that was asked."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by lower-case names. The values of a repeated header are joined by commas."""

    @property
    def stream(self) -> object | None:
        """The stream of its connection, with which the observer was called; None means unknown."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, still compressed. Raises ClientError."""

    async def close(self) -> None:
        """Also closes the connection, unless the whole body was read."""


class Client(Protocol):
    """One client with its own connection pool. Its agents count from 0, in the order of the addresses given."""

    async def send(
        self, agent: int, method: str, body: bytes, headers: Mapping[str, str], observer: RequestObserver | None
    ) -> Response:
        """Builds a request to an agent and sends it. Raises ClientError.

        Redirects are followed only if the scenario says so, and only to this client's agents.
        """

    def effective(self) -> ClientInfo:
        """The client's actual limits, timeouts (by the scenario's names) and proxies."""

    def proxy(self, agent: int) -> str | None:
        """The URL of the proxy used for an agent, without user and password; None if there is none."""

    async def close(self) -> None: ...


class Library(Protocol):
    """A client library. Each module of fanout.coordinator.clients.libraries has one, called LIBRARY."""

    @property
    def name(self) -> str: ...

    @property
    def unknown_phases(self) -> tuple[Phase, ...]:
        """The phases whose ends the library doesn't tell. Their time counts in waiting."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """The keys of ClientSettings that have no effect. A scenario that sets one is refused."""

    def tls_context(self, *, trust_env: bool) -> ssl.SSLContext:
        """The library's default context, which takes tens of milliseconds to create."""

    def new_client(
        self, settings: ClientSettings, addresses: Sequence[str], path: str, context: ssl.SSLContext
    ) -> Client:
        """A client for agents at these addresses, with the same path for all.

        Raises UsageError for an address that the library can't use, and CouldNotRunError for an unusable proxy.
        """
