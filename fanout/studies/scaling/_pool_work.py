"""Counts what a connection pool does for a request: how often it checks connections, and polls idle ones.

It counts by wrapping functions of httpcore 1.0, so it is part of a study and of nothing that measures time.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from unittest import mock

import httpcore
import httpx

REQUESTS = 8
"""The requests over which the counts are averaged."""
_POLL = "is_socket_readable"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True)
class PoolWork:
    """Per request, when every agent has an idle connection."""

    checks: float
    """How often the pool asks a connection whether it is idle."""
    polls: float
    """How often it asks the system whether an idle connection is still open."""


@dataclass
class _Counts:
    checks: int = 0
    polls: int = 0


@contextmanager
def _counted() -> Iterator[_Counts]:
    counts = _Counts()
    backend = importlib.import_module("httpcore._backends.anyio")
    is_idle, is_readable = httpcore.AsyncHTTPConnection.is_idle, getattr(backend, _POLL)

    def checked(connection: httpcore.AsyncHTTPConnection) -> bool:
        counts.checks += 1
        return is_idle(connection)

    def polled(*args: object) -> object:
        counts.polls += 1
        return is_readable(*args)

    with mock.patch.object(httpcore.AsyncHTTPConnection, "is_idle", checked), mock.patch.object(backend, _POLL, polled):
        yield counts


class _Agents:
    """Servers that answer everything alike, as a context manager."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._servers: list[asyncio.Server] = []
        self._answering: list[asyncio.Task[Any]] = []

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.append(task)
        with suppress(asyncio.IncompleteReadError):  # the client has closed the connection
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(ANSWER)
        writer.close()

    async def __aenter__(self) -> list[str]:
        self._servers = [await asyncio.start_server(self._answer, "127.0.0.1", 0) for _ in range(self._count)]
        return [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/" for server in self._servers]

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        await asyncio.gather(*self._answering)


async def _ask(agents: int) -> PoolWork:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)
    async with _Agents(agents) as urls, httpx.AsyncClient(limits=limits, trust_env=False) as client:
        for url in urls:
            await client.get(url)
        with _counted() as counts:
            for url in urls[:REQUESTS]:
                await client.get(url)
        asked = min(agents, REQUESTS)
        return PoolWork(counts.checks / asked, counts.polls / asked)


def pool_work(agents: int) -> PoolWork:
    """What one client does for a request to one of so many agents, all of which it keeps a connection to."""
    return asyncio.run(_ask(agents))
