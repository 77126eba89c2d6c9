"""Reads and decompresses a response's body up to a size limit, and parses its JSON up to a depth limit."""

from __future__ import annotations

import json
import zlib
from typing import Any

from fanout.coordinator.clients import ACCEPTED, Response
from fanout.coordinator.failures import ResponseTooLarge
from fanout.protocols import BadResponse
from fanout.text import shorten

MAX_DEPTH = 100
"""The deepest nesting of lists and objects. No protocol comes near it."""


async def read_body(response: Response, most: int) -> bytes:
    """Reads the whole body of a response, of at most `most` bytes both before and after decompression.

    A client library would accept any size, and decompress to a thousand times as much. Raises ResponseTooLarge,
    BadResponse for an unrequested or invalid encoding, and ClientError. The caller closes the response.
    """
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise ResponseTooLarge
    decompress = _Decompressor(response.headers.get("content-encoding", "identity"))
    pieces: list[bytes] = []
    received = size = 0
    async for chunk in response.chunks():
        received += len(chunk)
        pieces.append(decompress(chunk, most - size))
        size += len(pieces[-1])
        if received > most or size > most:
            raise ResponseTooLarge
    return b"".join(pieces)


class _Decompressor:
    """Decompresses the pieces of one body."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        self._stream: zlib._Decompress | None = None
        if self._encoding not in ("", "identity", *ACCEPTED.split(", ")):
            raise BadResponse(f"expected {ACCEPTED} or no encoding, got {self._encoding}")

    def __call__(self, piece: bytes, room: int) -> bytes:
        """The decompressed piece, or as much of it as exceeds `room` by one byte."""
        if self._encoding in ("", "identity") or not piece:
            return piece
        if self._stream is None:
            # The deflate of some servers lacks zlib's header. httpx accepts both.
            bare = self._encoding == "deflate" and piece[0] & 0x0F != zlib.DEFLATED
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS | 32)
        try:
            return self._stream.decompress(piece, room + 1)
        except zlib.error as error:
            raise BadResponse(f"expected {self._encoding}, got invalid data: {error}") from None


def json_object(body: bytes) -> dict[str, Any]:
    """Parses a body as a JSON object. Raises BadResponse."""
    try:
        data: Any = json.loads(body.decode("utf-8-sig"))  # from bytes, loads() would accept UTF-16, too
    except UnicodeDecodeError:
        raise BadResponse(f"expected JSON, got bytes that are not UTF-8: {beginning(body)}") from None
    except RecursionError:
        raise _too_deep(body) from None
    except ValueError:
        raise BadResponse(f"expected JSON, got {beginning(body)}") from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_too_deep(data):
        raise _too_deep(body)
    if not isinstance(data, dict):
        raise BadResponse(f"expected a JSON object, got {beginning(body)}")
    return data


def _too_deep(body: bytes) -> BadResponse:
    return BadResponse(f"expected JSON, got it nested more than {MAX_DEPTH} deep: {beginning(body)}")


def _is_too_deep(data: object) -> bool:
    level = [data]
    for _ in range(MAX_DEPTH):
        containers = [value for value in level if isinstance(value, dict | list)]
        level = [inner for value in containers for inner in (value.values() if isinstance(value, dict) else value)]
    return any(isinstance(value, dict | list) for value in level)


def beginning(body: bytes, most: int = 80) -> str:
    """The beginning of a body, for the end of a message. Bytes that aren't ASCII are escaped."""
    return repr(shorten(body[: most + 1].decode("ascii", errors="backslashreplace"), most))
