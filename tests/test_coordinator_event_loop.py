from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from fanout.coordinator.event_loop import OBSERVER, Lookup, LookupFailure, ObservedLoop
from helpers.exchanges import observed
from helpers.servers import raw_server


class Notes:
    """An observer that records its notifications."""

    agent = 0

    def __init__(self) -> None:
        self.told: list[str] = []
        self.lookups: list[Lookup | LookupFailure] = []
        self.tried: list[tuple[str, bool | None]] = []
        self.ends: list[tuple[int, int | None]] = []

    def lookup_began(self) -> None:
        self.told.append("lookup began")

    def lookup_ended(self, ended: Lookup | LookupFailure) -> None:
        self.told.append("lookup ended")
        self.lookups.append(ended)

    def handshaking(self) -> None:
        self.told.append("handshaking")

    def trying(self, address: str) -> Callable[[bool], None]:
        self.tried.append((address, None))
        return lambda answered: self.tried.append((address, answered))

    def opened(self, descriptor: int, port: int | None) -> Callable[[bool], None]:
        self.told.append("opened")
        self.ends.append((descriptor, port))
        return lambda by_peer: self.told.append("closed by peer" if by_peer else "closed by us")


def watching() -> Notes:
    notes = Notes()
    OBSERVER.set(notes)
    return notes


async def until_eof(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes the connection immediately."""


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def test_a_connection_s_beginning_and_end_are_reported() -> None:
    async def go() -> Notes:
        async with raw_server(until_eof) as url:
            notes = watching()
            _, writer = await connect(url)
            assert notes.ends == [(writer.get_extra_info("socket").fileno(), int(url.rpartition(":")[2]))]
            await close(writer)
            return notes

    notes = observed(go)
    assert notes.told == ["opened", "closed by us"]
    assert notes.tried == [("127.0.0.1", None), ("127.0.0.1", True)]


@pytest.mark.parametrize("read", [True, False], ids=["read to the end", "never read again"])
def test_a_connection_that_the_peer_ended(read: bool) -> None:
    async def go() -> Notes:
        async with raw_server(hang_up) as url:
            notes = watching()
            reader, writer = await connect(url)
            if read:
                assert await reader.read() == b""
            else:
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                await asyncio.sleep(0.05)
            await close(writer)
            return notes

    assert observed(go).told == ["opened", "closed by peer"]


def test_a_connection_that_the_peer_reset() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async def go() -> Notes:
        async with raw_server(reset) as url:
            notes = watching()
            reader, writer = await connect(url)
            with suppress(ConnectionResetError):
                await reader.read()
            await close(writer)
            return notes

    assert observed(go).told == ["opened", "closed by peer"]


def test_a_connection_that_failed_was_never_opened() -> None:
    async def go() -> Notes:
        async with raw_server(hang_up) as url:
            pass
        notes = watching()
        with pytest.raises(OSError, match="Connect call failed"):
            await connect(url)
        return notes

    notes = observed(go)
    assert notes.told == []
    assert notes.tried == [("127.0.0.1", None), ("127.0.0.1", False)]


def test_what_nobody_watches_is_as_ever() -> None:
    async def go() -> list[Any]:
        async with raw_server(hang_up) as url:
            reader, writer = await connect(url.replace("127.0.0.1", "localhost"))
            assert await reader.read() == b""
            await close(writer)
        return list(await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM))

    assert observed(go) == socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)


def test_a_lookup_is_reported_with_its_wait_for_a_thread() -> None:
    async def go() -> Notes:
        notes = watching()
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        with pytest.raises(socket.gaierror):
            await asyncio.get_running_loop().getaddrinfo("nobody.invalid", 80)
        return notes

    notes = observed(go)
    assert notes.told == ["lookup began", "lookup ended"] * 2
    found, failed = notes.lookups
    assert isinstance(found, Lookup) and found.queued_ms > 0 and found.took_ms > 0
    assert failed in ("unknown_name", "temporary")  # the latter where there is no resolver


def test_a_resolver_of_its_own_does_not_wait_for_the_default_executor() -> None:
    async def go() -> bool:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ObservedLoop)
        loop.set_default_executor(ThreadPoolExecutor(1))
        held = threading.Event()
        blocked = loop.run_in_executor(None, held.wait, 10)
        waiting = asyncio.ensure_future(loop.getaddrinfo("localhost", 80))
        await asyncio.sleep(0.05)
        starved = not waiting.done()
        loop.resolver = ThreadPoolExecutor(1)
        await loop.getaddrinfo("localhost", 80)  # returns while the other lookup is still waiting
        starved = starved and not waiting.done()
        held.set()
        await asyncio.gather(blocked, waiting)
        loop.resolver.shutdown()
        return starved

    assert observed(go)
