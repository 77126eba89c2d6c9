"""A response's body: read and unpacked up to a size, parsed up to a depth."""

from __future__ import annotations

import json
import zlib
from typing import Any

from fanout.coordinator.clients import ACCEPTED, Response
from fanout.coordinator.failures import ResponseTooLarge
from fanout.protocols import BadResponse
from fanout.text import shorten

MAX_DEPTH = 100
"""Of lists and objects within each other; no protocol comes near it."""


async def read_body(response: Response, most: int) -> bytes:
    """The whole body of a response that was not read yet, of `most` bytes at most, before and after unpacking.

    A client library would hold any size, and unpack a thousand times as much. Raises ResponseTooLarge, BadResponse for
    an encoding that nobody asked for or that is broken, and ClientError; then the response is still to be closed.
    """
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise ResponseTooLarge
    unpack = _Unpacker(response.headers.get("content-encoding", "identity"))
    pieces: list[bytes] = []
    received = size = 0
    async for packed in response.chunks():
        received += len(packed)
        pieces.append(unpack(packed, most - size))
        size += len(pieces[-1])
        if received > most or size > most:
            raise ResponseTooLarge
    return b"".join(pieces)


class _Unpacker:
    """Unpacks the pieces of one body."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        self._stream: zlib._Decompress | None = None
        if self._encoding not in ("", "identity", *ACCEPTED.split(", ")):
            raise BadResponse(f"expected {ACCEPTED} or no encoding, got {self._encoding}")

    def __call__(self, piece: bytes, room: int) -> bytes:
        """What a piece unpacks to, or a byte more of it than there is room for."""
        if self._encoding in ("", "identity") or not piece:
            return piece
        if self._stream is None:
            # Some servers' deflate lacks the header that zlib's has; httpx takes both.
            bare = self._encoding == "deflate" and piece[0] & 0x0F != zlib.DEFLATED
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS | 32)
        try:
            return self._stream.decompress(piece, room + 1)
        except zlib.error as error:
            raise BadResponse(f"expected {self._encoding}, got something else: {error}") from None


def json_object(body: bytes) -> dict[str, Any]:
    """A body as a JSON object. Raises BadResponse."""
    try:
        data: Any = json.loads(body.decode("utf-8-sig"))  # of bytes it would take UTF-16 as well
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
    return BadResponse(f"expected JSON, got lists and objects more than {MAX_DEPTH} deep: {beginning(body)}")


def _is_too_deep(data: object) -> bool:
    level = [data]
    for _ in range(MAX_DEPTH):
        containers = [value for value in level if isinstance(value, dict | list)]
        level = [inner for value in containers for inner in (value.values() if isinstance(value, dict) else value)]
    return any(isinstance(value, dict | list) for value in level)


def beginning(body: bytes, most: int = 80) -> str:
    """What a body begins with, for the end of a message; bytes that aren't ASCII are written out."""
    return repr(shorten(body[: most + 1].decode("ascii", errors="backslashreplace"), most))
