"""Agents' WSGI apps as ASGI apps, for servers that run on asyncio. Each request has a thread.

The thread asks the event loop for more of a body only as the app reads it, and waits until the server has taken each
piece of the answer but the last. So nothing is held in memory that the app doesn't hold, and a short exchange costs one
switch to a thread and back.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

from werkzeug.exceptions import ClientDisconnected

from workers.server import Dropped, Environ, WsgiApp

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_BUFFER = 65_536
_DRAIN_S = 5
"""How long a body may still arrive that the app has not read, after its answer."""


class AsgiAdapter:
    """A WSGI app as an ASGI app."""

    def __init__(self, app: WsgiApp, threads: Executor) -> None:
        self._app = app
        self._threads = threads

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        if scope["type"] != "http":
            return
        exchange = _Exchange(receive, send)
        environ = environ_of(scope)
        environ["wsgi.input"] = io.BufferedReader(_Body(exchange), _BUFFER)
        await exchange.read_more()  # most bodies have arrived, and so need no further switch
        with suppress(Dropped):
            last = await exchange.loop.run_in_executor(self._threads, self._serve, environ, exchange)
            await exchange.finish(last)

    def _serve(self, environ: Environ, exchange: _Exchange) -> bytes:
        """Runs the app in a thread. Returns the last piece of its answer."""
        pieces = self._app(environ, exchange.start)
        last = b""
        try:
            for piece in pieces:
                if last:
                    exchange.wait_for(exchange.send_early(last))
                last = piece
        finally:
            if isinstance(pieces, _Closing):
                pieces.close()
        return last


@runtime_checkable
class _Closing(Protocol):
    def close(self) -> None: ...


class _Exchange:
    """A request and its answer. All but start() and wait_for() runs on the event loop."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.loop = asyncio.get_running_loop()
        self.unread = b""
        """What has arrived of the body and has not been read."""
        self.complete = asyncio.Event()
        """Set when no more of the body will arrive."""
        self.is_lost = False
        """Whether the client has left."""
        self._receive = receive
        self._send = send
        self._head: Message | None = None
        self._listening: asyncio.Future[None] | None = None

    def start(self, status: str, headers: list[tuple[str, str]], _exc_info: object = None) -> None:
        """WSGI's start_response(), without its obsolete write()."""
        fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._head = {"type": "http.response.start", "status": int(status.split(" ", 1)[0]), "headers": fields}

    def wait_for(self, step: Coroutine[Any, Any, None]) -> None:
        """Waits in the request's thread until the event loop has done this."""
        asyncio.run_coroutine_threadsafe(step, self.loop).result()

    async def read_more(self) -> None:
        """Waits for the next part of the body, unless it is complete. Drops what is unread."""
        self.unread = b""
        while not (self.unread or self.complete.is_set()):
            message = await self._receive()
            self.is_lost = message["type"] == "http.disconnect"
            self.unread = message.get("body", b"")
            if not message.get("more_body", False):
                self.complete.set()

    async def send_early(self, body: bytes) -> None:
        """Sends a piece while the app makes the next. Raises Dropped once the client has left: servers don't say so.

        The app must have read the body that it wants.
        """
        self._listen()
        if self.is_lost:
            raise Dropped
        await self._send_piece(body)

    async def finish(self, last: bytes) -> None:
        """Sends the last piece of the answer, and ends it once the whole body has arrived.

        Hypercorn never ends a request whose body is left unread.
        """
        await self._send_piece(last, more=not self.complete.is_set())
        if not self.complete.is_set():
            self._listen()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.complete.wait(), _DRAIN_S)
            await self._send_piece(b"", more=False)

    def _listen(self) -> None:
        """Begins to drop what else arrives, and to notice when the client leaves."""
        if self._listening is None:
            self._listening = asyncio.ensure_future(self._until_it_leaves())

    async def _until_it_leaves(self) -> None:
        while not self.complete.is_set():
            await self.read_more()
        if not self.is_lost:
            await self._receive()  # servers have nothing else to say
            self.is_lost = True

    async def _send_piece(self, body: bytes, *, more: bool = True) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            await self._send(head)
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


class _Body(io.RawIOBase):
    """A request's body, as the app reads it in a thread."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        exchange = self._exchange
        if not (exchange.unread or exchange.complete.is_set()):
            exchange.wait_for(exchange.read_more())
        if exchange.is_lost:
            raise ClientDisconnected
        piece, exchange.unread = exchange.unread[: len(buffer)], exchange.unread[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def environ_of(scope: Message) -> Environ:
    """A request's WSGI environment without its body, from its ASGI scope."""
    host, port = scope["server"]
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").upper().replace("-", "_"), raw_value.decode("latin-1")
        key = name if name in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{name}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    if "CONTENT_LENGTH" not in environ or "HTTP_TRANSFER_ENCODING" in environ:
        environ["wsgi.input_terminated"] = True  # the body ends where the server says
    return environ
