"""Takes the code paths of a question once, before any clock runs.

The first question of a process would otherwise pay for what the libraries import when they are first used (tens of
milliseconds), which says nothing about a coordinator that runs for hours.
"""

from __future__ import annotations

import asyncio

import anyio
import httpx

from fanout.coordinator.body import json_object, read_body
from fanout.processes.fd_limits import WARM_UP_REPEATS
from fanout.protocols import CoordinatorEnd, Question

_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


async def warm_up(end: CoordinatorEnd) -> None:
    """Encodes questions and posts them to a server of this process's own: no agent sees them, no connection is left.

    They are many, each on a connection of its own: CPython takes some runs of a piece of code to make it fast.
    """

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_RESPONSE)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    async def ask(client: httpx.AsyncClient) -> None:
        message = end.encode(Question("warm-up", "Are you there?"))
        async with client.stream("POST", url, headers=dict(message.headers)) as response:
            json_object(await read_body(response, len(_RESPONSE)))

    try:
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:  # noqa: S501 (no TLS is spoken)
            with anyio.move_on_after(5):
                await asyncio.gather(*(ask(client) for _ in range(WARM_UP_REPEATS)))
    finally:
        server.close()
