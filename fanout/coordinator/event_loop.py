"""An asyncio event loop that reports what httpx doesn't: name lookups, attempts to connect, and connections.

It is asyncio's selector loop with three public methods overridden, which its documentation allows. A task sets OBSERVER
to be notified of the lookups and connections that it, and the tasks it starts, make.
"""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from fanout.coordinator.loop_faults import LoopFaults

LookupFailure = Literal["temporary", "unknown_name", "other", "cancelled"]
"""Why a name lookup has no result. The counts of fanout.runs.schema.FailedLookups have these names."""
_NO_SUCH_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


@dataclass(frozen=True)
class Lookup:
    """One name lookup: the wait for a thread of the executor, and the duration of the lookup itself."""

    queued_ms: float
    took_ms: float


class Observer(Protocol):
    """Receives notifications of name lookups and connections."""

    @property
    def agent(self) -> int:
        """The agent for which they are made, counted from 0."""

    def lookup_began(self) -> None: ...

    def lookup_ended(self, ended: Lookup | LookupFailure) -> None: ...

    def trying(self, address: str) -> Callable[[bool], None]:
        """An attempt to connect to this IP address has begun.

        The function returned is called when it has succeeded (True) or failed, but not if it is cancelled.
        """

    def opened(self, descriptor: int, port: int | None) -> Callable[[bool], None]:
        """A connection was opened on this file descriptor to this port, which is None if the peer has already gone.

        The function returned is called when the connection has closed, with whether the peer closed it first.
        """

    def handshaking(self) -> None:
        """The event loop itself begins a TLS handshake on the connection."""


OBSERVER: ContextVar[Observer | None] = ContextVar("OBSERVER", default=None)


class ObservedLoop(asyncio.SelectorEventLoop):
    """The event loop of a coordinator. `resolver`, if set, replaces the loop's default executor for name lookups."""

    resolver: ThreadPoolExecutor | None = None
    faults = LoopFaults()

    async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> Any:  # noqa: ANN401
        """Looks a name up on an executor, as asyncio does. asyncio and anyio don't call this for IP addresses."""
        observer = OBSERVER.get()
        before_lookup = self.faults.lookup(host)
        began = time.perf_counter()

        def look_up() -> tuple[Any, Lookup]:
            taken = time.perf_counter()
            before_lookup()
            found = self.faults.addresses(host, hints.get("family", 0), socket.getaddrinfo(host, port, **hints))
            return found, Lookup((taken - began) * 1000, (time.perf_counter() - taken) * 1000)

        if observer is None:
            return (await self.run_in_executor(self.resolver, look_up))[0]
        observer.lookup_began()
        ended: Lookup | LookupFailure = "other"
        try:
            found, ended = await self.run_in_executor(self.resolver, look_up)
        except (socket.gaierror, asyncio.CancelledError) as error:
            ended = _why(error)
            raise
        finally:
            observer.lookup_ended(ended)
        return found

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:  # noqa: ANN401
        """Connects as asyncio does, which calls this for every attempt, and notifies the observer."""
        observer = OBSERVER.get()
        end = _nobody_told if observer is None else observer.trying(address[0])
        if self.faults.is_silent(address[0], None if observer is None else observer.agent):
            await self.create_future()  # until it is cancelled; the system doesn't connect
        try:
            await super().sock_connect(sock, address)
        except OSError:
            end(False)
            raise
        end(True)

    async def create_connection(self, protocol_factory: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Creates a connection as asyncio does, and notifies the observer when it opens and closes."""
        observer = OBSERVER.get()
        if observer is None:
            return await super().create_connection(protocol_factory, *args, **kwargs)
        sock: socket.socket | None = kwargs.get("sock")
        if sock is None or not kwargs.get("ssl"):
            return await self._watched(lambda: _Watched(protocol_factory(), observer), *args, **kwargs)
        # The protocol learns of the connection only after the handshake, which may fail.
        closed = observer.opened(sock.fileno(), _port_of(sock))
        observer.handshaking()
        try:
            return await self._watched(lambda: _Watched(protocol_factory(), observer, closed), *args, **kwargs)
        except BaseException:
            closed(False)
            raise

    async def _watched(self, factory: Callable[[], _Watched], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        transport, watched = await super().create_connection(factory, *args, **kwargs)
        return transport, watched.inner


def _nobody_told(_answered: bool) -> None:
    """The end of an attempt without observer."""


def _why(error: BaseException) -> LookupFailure:
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return "temporary"
    return "unknown_name" if isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_NAME else "other"


class _Watched(asyncio.Protocol):
    """Wraps a transport's protocol, and notifies the observer when the connection opens and closes."""

    def __init__(
        self, inner: asyncio.Protocol, observer: Observer, closed: Callable[[bool], None] | None = None
    ) -> None:
        """`closed` is what the observer returned, if it has been notified of the connection already."""
        self.inner = inner
        self._observer = observer
        self._peer_closed = False
        self._socket: socket.socket | None = None
        self._closed = closed
        # Called for every piece that arrives, so it bypasses the wrapper.
        self.data_received = inner.data_received  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.inner.connection_made(transport)  # comes first, so that the connection works even if observing it fails
        sock = self._socket = transport.get_extra_info("socket")
        if self._closed is None:
            peer = transport.get_extra_info("peername")
            self._closed = self._observer.opened(sock.fileno(), None if peer is None else peer[1])

    def eof_received(self) -> bool | None:
        self._peer_closed = True
        return self.inner.eof_received()

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.inner.connection_lost(exc)
        if self._closed is not None and self._socket is not None:
            self._closed(self._peer_closed or exc is not None or _peer_has_closed(self._socket))


def _port_of(sock: socket.socket) -> int | None:
    """The port that a socket is connected to; None if the peer has already gone."""
    try:
        port: int = sock.getpeername()[1]
    except OSError:
        return None
    return port


def _peer_has_closed(sock: socket.socket) -> bool:
    """Whether the peer has closed its end of a socket that is no longer read, such as an idle connection's."""
    if sock.fileno() < 0:
        return False
    hung_up: int = getattr(select, "POLLRDHUP", select.POLLHUP)
    poll = select.poll()
    poll.register(sock.fileno(), hung_up)
    return any(event & (hung_up | select.POLLHUP) for _, event in poll.poll(0))
