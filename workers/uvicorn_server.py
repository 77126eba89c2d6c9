"""uvicorn for agents: HTTP/1.1 by h11, on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor

from uvicorn.config import Config
from uvicorn.lifespan import off  # noqa: F401 (imported before agents are forked, as is the next)
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import Server

from workers import asyncio_loop
from workers.asgi_adapter import AsgiAdapter
from workers.server import BACKLOG, Served, counted


class _Server(Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals as they are: they are the fleet's."""
        yield


def _config(served: Served, threads: Executor) -> Config:
    app = AsgiAdapter(counted(served.app, served.counters), threads)
    config = Config(
        app,
        http=H11Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        backlog=BACKLOG,
    )
    if served.idle_s is not None:
        config.timeout_keep_alive = served.idle_s  # type: ignore[assignment]  # the loop's timers take fractions
    config.load()
    config.ssl = served.tls
    return config


async def _serve(served: Served, threads: Executor, end: asyncio.Event) -> None:
    server = _Server(_config(served, threads))
    serving = asyncio.ensure_future(server.serve(sockets=[served.listener]))
    ending = asyncio.ensure_future(end.wait())
    await asyncio.wait([serving, ending], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving


def serve(served: Sequence[Served], until: int) -> None:
    """Serves until the pipe `until` is closed."""
    asyncio_loop.run(served, until, _serve)
