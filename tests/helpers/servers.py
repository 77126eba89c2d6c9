"""Servers whose behaviour a test defines."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANSWER = b'{"events":[{"parts":[{"text":"yes"}]}]}'
"""The smallest A2A answer."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(ANSWER)


@asynccontextmanager
async def raw_server(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The address of a server on a free loopback port that passes each connection to `handle`."""
    tasks: set[asyncio.Task[Any]] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):  # the client went away, the test is over
            await handle(reader, writer)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(handled(reader, writer))
        tasks.add(task)
        # Not in a `finally` of the task, since a task that is cancelled before its first step never reaches it.
        task.add_done_callback(lambda _: writer.close())

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(3):  # the callbacks, then the transports' own
            await asyncio.sleep(0)


def answering(body: bytes, *, status: str = "200 OK", headers: str = "Content-Type: application/json") -> Handle:
    """A handler that answers the first request of each connection with `body`, then closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        head = f"HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return handle


def agent(*, service_ms: float = 50, before_body_s: float = 0.0) -> Any:
    """A handler that works for `service_ms` on each question, and keeps its connections open."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            began = time.perf_counter()
            await asyncio.sleep(service_ms / 1000)
            spent_ms = (time.perf_counter() - began) * 1000
            writer.write(HEAD + b"Server-Timing: service;dur=%.3f\r\n\r\n" % spent_ms)
            await writer.drain()
            await asyncio.sleep(before_body_s)
            writer.write(ANSWER)
            await writer.drain()

    return handle


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """The body of one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.partition(b":")[2]))
