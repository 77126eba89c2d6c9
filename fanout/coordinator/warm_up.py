"""Executes the code paths of a question before anything is measured.

The first question of a process would otherwise include the imports that libraries make on first use (tens of
milliseconds), which is irrelevant for a coordinator that runs for hours.
"""

from __future__ import annotations

import asyncio
import ssl

import anyio

from fanout.coordinator.body import json_object, read_body
from fanout.coordinator.clients import ClientError, ConnectError, library_of
from fanout.coordinator.failures import explain
from fanout.errors import CouldNotRunError
from fanout.processes.fd_limits import WARM_UP_REPEATS
from fanout.protocols import CoordinatorEnd, Question
from fanout.scenario import ClientSettings

_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


async def warm_up(end: CoordinatorEnd, library: str = "httpx") -> None:
    """Encodes questions and posts them to a server in this process. No agent sees them, and no connection remains.

    There are many of them, each on a new connection, since CPython optimizes code only after several executions. Raises
    CouldNotRunError if this process can't have so many connections.
    """
    try:
        await _post_to_ourselves(end, ClientSettings(library=library))
    except (OSError, ClientError) as error:
        failure = explain(error if isinstance(error, ClientError) else _as_client_error(error), ClientSettings())
        raise CouldNotRunError(
            f"the coordinator could not make {WARM_UP_REPEATS} connections to itself: {failure.sentence}"
        ) from error


def _as_client_error(error: OSError) -> ClientError:
    failed = ConnectError(str(error))
    failed.__cause__ = error
    return failed


async def _post_to_ourselves(end: CoordinatorEnd, settings: ClientSettings) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_RESPONSE)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without certificates, which are slow to load
    client = library_of(settings).new_client(settings, [address], "/", context)

    async def ask() -> None:
        message = end.encode(Question("warm-up", "Are you there?"))
        response = await client.send(0, "POST", b"", message.headers, None)
        try:
            json_object(await read_body(response, len(_RESPONSE)))
        finally:
            await response.close()

    try:
        with anyio.move_on_after(5):
            await asyncio.gather(*(ask() for _ in range(WARM_UP_REPEATS)))
    finally:
        await client.close()
        server.close()
