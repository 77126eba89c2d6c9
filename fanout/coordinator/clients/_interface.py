"""What a coordinator needs of an HTTP client library.

A request's steps, of which an observer is called in this order. Those in parentheses are of a new connection only:

    queued                                       the request is built, and waits for a place in the pool
    (connecting, connected or connect_failed)    a new connection, by way of a name lookup where it has a name
    (handshaking, encrypted or handshake_failed) TLS on it
    sending, sent                                the request's first byte, and its last
    waiting                                      for the response's headers, even if not all of the request was sent
    receiving                                    the headers are there, the body is not
    close_announced                              only if they say that the agent will close the connection

What a client raises of a request that came to nothing; the library's own error is the `__cause__`:

    ClientError
    ├── PoolTimeoutError          no place in the pool in time
    ├── ConnectTimeoutError       not connected in time
    ├── ReadTimeoutError          nothing received in time
    ├── WriteTimeoutError         nothing could be sent in time
    ├── ConnectError              not connected: no such host, refused, no agreement on TLS, refused by a proxy
    └── ConnectionLostError       the connection broke
        └── RemoteProtocolError   the agent closed it before its response was whole, or sent what isn't HTTP
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from fanout.runs.schema import ClientInfo
from fanout.scenario import ClientSettings

ACCEPTED = "gzip, deflate"
"""Encodings that a client asks for, which are those that httpx asks for unless others happen to be installed."""


class ClientError(Exception):
    """A request came to nothing."""


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


class ConnectionLostError(ClientError):
    """The connection broke."""


class RemoteProtocolError(ConnectionLostError):
    """The agent closed the connection before its response was whole, or sent what isn't HTTP."""


class RequestObserver(Protocol):
    """Is called as a request takes its steps. A library that can't see one leaves it out.

    A `stream` is the library's object for a connection. It can be hashed and referred to weakly.
    """

    def queued(self) -> None: ...

    def connecting(self) -> None: ...

    def connected(self, stream: object, descriptor: int) -> None: ...

    def connect_failed(self) -> None: ...

    def handshaking(self) -> None: ...

    def encrypted(self, stream: object) -> None:
        """`stream` takes the place of the one that `connected` was called with."""

    def handshake_failed(self, *, left_open: bool) -> None:
        """`left_open`: the library has dropped the connection without closing it."""

    def sending(self) -> None: ...

    def sent(self) -> None: ...

    def waiting(self) -> None: ...

    def receiving(self) -> None: ...

    def close_announced(self) -> None: ...


class Response(Protocol):
    """A response's status and headers; its body is still to be read, and it is to be closed."""

    @property
    def status(self) -> int: ...

    @property
    def reason(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By names in lower case; the values of one that is repeated are joined by commas."""

    @property
    def stream(self) -> object | None:
        """Of its connection, the one that the observer was called with; None where it isn't known."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, not unpacked. Raises ClientError."""

    async def close(self) -> None:
        """Closes its connection as well, unless the body was read to its end."""


class Client(Protocol):
    """One client, with a connection pool of its own. Its agents are counted from 0, in the order it was made with."""

    async def send(
        self, agent: int, method: str, body: bytes, headers: Mapping[str, str], observer: RequestObserver | None
    ) -> Response:
        """Builds a request to an agent and sends it. Raises ClientError. Redirects are not followed."""

    def effective(self) -> ClientInfo:
        """Its limits, its timeouts by the scenario's names and its proxies, as the client itself has them."""

    def proxy(self, agent: int) -> str | None:
        """The URL of the proxy on the way to an agent, without user and password; None where there is none."""

    async def close(self) -> None: ...


class Library(Protocol):
    """A client library: what its module has."""

    def tls_context(self, *, trust_env: bool) -> ssl.SSLContext:
        """A context as the library makes it by itself, in tens of milliseconds."""

    def new_client(
        self, settings: ClientSettings, addresses: Sequence[str], path: str, context: ssl.SSLContext
    ) -> Client:
        """A client for agents at these addresses, all asked at this path.

        Raises UsageError for an address that the library can't use, and CouldNotRunError for such a proxy.
        """
