"""Hypercorn for agents, on asyncio: HTTP/1.1, and over TLS also HTTP/2, which clients choose by ALPN."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, cast

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.run import worker_serve
from hypercorn.config import Config, Sockets

from workers import asyncio_loop
from workers.asgi_adapter import AsgiAdapter
from workers.server import BACKLOG, Served, counted


class _Config(Config):
    """Hypercorn's own settings, with our context instead of files for TLS."""

    accesslog = None
    loglevel = "ERROR"
    backlog = BACKLOG

    def __init__(self, served: Served) -> None:
        self._tls = served.tls
        if served.idle_s is not None:
            self.keep_alive_timeout = served.idle_s

    @property
    def ssl_enabled(self) -> bool:
        return self._tls is not None

    def create_ssl_context(self) -> ssl.SSLContext | None:
        if self._tls is not None:
            self._tls.set_alpn_protocols(self.alpn_protocols)
        return self._tls


async def _serve(served: Served, threads: Executor, end: asyncio.Event) -> None:
    app = ASGIWrapper(cast(Any, AsgiAdapter(counted(served.app, served.counters), threads)))
    secure, plain = ([], [served.listener]) if served.tls is None else ([served.listener], [])
    sockets = Sockets(secure, plain, [])
    await worker_serve(app, _Config(served), sockets=sockets, shutdown_trigger=end.wait)


def serve(served: Sequence[Served], until: int) -> None:
    """Serves until the pipe `until` is closed."""
    asyncio_loop.run(served, until, _serve)
