"""Lines for a peer, kept until it has acknowledged them."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from dataclasses import dataclass

from fanout.files import append_whole

SEGMENT_BYTES = 8_000_000


@dataclass(frozen=True)
class Batch:
    first: int
    """The number of the first line; the lines of an outbox are numbered from 0."""
    count: int
    lines: bytes
    """The lines, each with its end."""


class _Segment:
    """A file without a name, so that nothing is left behind however this process ends."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (it is open until its lines are acknowledged)
        self.size = 0
        """Up to the end of its last complete line, in bytes."""
        self.following: _Segment | None = None


@dataclass(frozen=True)
class _Place:
    number: int
    """The number of the line that begins here."""
    segment: _Segment
    offset: int


class Outbox:
    """A queue on disk, so that memory stays constant however long the peer is away. Raises OSError.

    read() gives batch after batch. After rewind() it begins again with the first line that is not acknowledged.
    """

    def __init__(self) -> None:
        self.end = 0
        """The number that the next line gets."""
        self._last = _Segment()
        self._acknowledged = self._next = _Place(0, self._last, 0)
        self._read: deque[_Place] = deque()
        """Where each batch ends that has been read and is not acknowledged."""

    @property
    def unacknowledged(self) -> int:
        return self.end - self._acknowledged.number

    @property
    def batches_read(self) -> int:
        """The batches that have been read, since the last rewind, and are not acknowledged."""
        return len(self._read)

    def append(self, line: bytes) -> None:
        """Adds a line, which must have no end of line in it."""
        if self._last.size >= SEGMENT_BYTES:
            self._last.following = _Segment()
            self._last = self._last.following
        self._last.size = append_whole(line + b"\n", self._last.file, self._last.size)
        self.end += 1

    def read(self, most_bytes: int) -> Batch | None:
        """The next lines, together at most this long or a single one; None if all have been read."""
        place = self._next
        if place.offset == place.segment.size and place.segment.following is not None:
            place = _Place(place.number, place.segment.following, 0)
        lines = self._lines_at(place, most_bytes)
        if not lines:
            return None
        count = lines.count(b"\n")
        self._next = _Place(place.number + count, place.segment, place.offset + len(lines))
        self._read.append(self._next)
        return Batch(place.number, count, lines)

    @staticmethod
    def _lines_at(place: _Place, most_bytes: int) -> bytes:
        remaining = place.segment.size - place.offset
        while True:
            data = os.pread(place.segment.file.fileno(), min(most_bytes, remaining), place.offset)
            end = data.rfind(b"\n") + 1
            if end or len(data) == remaining:
                return data[:end]
            most_bytes *= 2

    def rewind(self) -> None:
        self._read.clear()
        self._next = self._acknowledged

    def acknowledge(self, number: int) -> None:
        """Forgets the lines of the batches that end at or before this number."""
        before = self._acknowledged.segment
        while self._read and self._read[0].number <= number:
            self._acknowledged = self._read.popleft()
        _close(before, self._acknowledged.segment)

    def close(self) -> None:
        _close(self._acknowledged.segment, None)


def _close(segment: _Segment | None, until: _Segment | None) -> None:
    while segment is not None and segment is not until:
        segment.file.close()
        segment = segment.following
