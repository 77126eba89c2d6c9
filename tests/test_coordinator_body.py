"""Tests fanout.coordinator.body with real servers."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from fanout.coordinator.body import MAX_DEPTH, json_object, read_body
from fanout.coordinator.clients import RemoteProtocolError, make_clients
from fanout.coordinator.failures import ResponseTooLarge
from fanout.protocols import BadResponse
from fanout.scenario import ClientSettings
from helpers.servers import Handle, answering, raw_server, read_request

MOST = 10_000


def body_of(handle: Handle, most: int = MOST) -> bytes:
    """The result of read_body for this server's response."""

    async def go() -> bytes:
        async with raw_server(handle) as url:
            clients = make_clients(ClientSettings(), [url], "/")
            try:
                response = await clients.send(0, "POST", b"?", {}, None)
                try:
                    return await read_body(response, most)
                finally:
                    await response.close()
            finally:
                await clients.close()

    return asyncio.run(go())


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("identity", bytes), ("gzip", gzip.compress), ("deflate", zlib.compress), ("Deflate", bare_deflate)],
)
def test_a_body_is_read_whole_and_unpacked(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    text = b"0123456789" * (MOST // 10)
    assert body_of(answering(pack(text), headers=f"Content-Encoding: {encoding}")) == text


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"x" * (MOST + 1), "identity"),
        (gzip.compress(b"x" * (MOST + 1), mtime=0), "gzip"),
        (b"", "gzip, gzip"),
        (b"x", "br"),
    ],
)
def test_one_byte_more_is_too_many_and_an_encoding_that_nobody_asked_for_is_refused(body: bytes, encoding: str) -> None:
    with pytest.raises((ResponseTooLarge, BadResponse)) as raised:
        body_of(answering(body, headers=f"Content-Encoding: {encoding}"))
    if isinstance(raised.value, BadResponse):
        assert str(raised.value) == f"expected gzip, deflate or no encoding, got {encoding}"
    else:
        assert encoding in ("identity", "gzip")


def test_what_is_announced_to_be_too_large_is_not_read_at_all() -> None:
    async def announce(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n")
        await reader.read()  # until the client closes the connection, after refusing the response

    with pytest.raises(ResponseTooLarge):
        body_of(announce)


@pytest.mark.parametrize("length", ["nonsense", "-5"])
def test_an_announcement_that_makes_no_sense_is_the_client_s_matter(length: str) -> None:
    with pytest.raises(RemoteProtocolError):
        body_of(answering(b"", headers=f"Content-Length: {length}"))


def endless(chunk: bytes, encoding: str) -> Handle:
    """A server that repeats this chunk until the client closes the connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n".encode())
        while True:
            writer.write(chunk)
            await writer.drain()

    return handle


@pytest.mark.parametrize("packed", [False, True])
def test_a_response_without_end_takes_no_more_memory_than_the_limit(packed: bool) -> None:
    bomb = gzip.compress(b"x" * 50_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(ResponseTooLarge):
            body_of(endless(bomb, "gzip") if packed else endless(b"x" * 65_536, "identity"), most=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_what_is_not_packed_as_announced_is_reported() -> None:
    with pytest.raises(BadResponse, match=r"^expected gzip, got invalid data: "):
        body_of(answering(b"not gzip", headers="Content-Encoding: gzip"))


def nested(depth: int) -> bytes:
    """An object with lists and objects nested to this depth, including itself."""
    return b'{"a":' * 2 + b"[" * (depth - 2) + b'"]["' + b"]" * (depth - 2) + b"}" * 2


def test_json_may_be_as_deep_as_the_bound_and_no_deeper() -> None:
    assert json_object(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, MAX_DEPTH + 100, 100_000):
        with pytest.raises(BadResponse, match=r"^expected JSON, got it nested more than 100 deep: "):
            json_object(nested(depth))


def test_a_wide_body_is_not_deep() -> None:
    assert len(json_object(b'{"a":[' + b"{}," * 1000 + b"{}]}")["a"]) == 1001


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "expected JSON, got ''"),
        (b"\xff\xfe\xfd", "expected JSON, got bytes that are not UTF-8: "),
        ("{}".encode("utf-16"), "expected JSON, got bytes that are not UTF-8: "),
        (b'{"a":"\xed\xa0\x80"}', "expected JSON, got bytes that are not UTF-8: "),
        (b"1" * 100_000, "expected JSON, got '1111"),
        (b"[1]", r"expected a JSON object, got '\[1\]'"),
        (b"x" * 81, "expected JSON, got '" + "x" * 79 + "…'"),
    ],
)
def test_what_is_no_json_object_is_reported(body: bytes, words: str) -> None:
    with pytest.raises(BadResponse, match=f"^{words}"):
        json_object(body)
