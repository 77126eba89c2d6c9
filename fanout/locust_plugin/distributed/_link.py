"""Carries lines to a peer and back over a channel that may lose messages: each line arrives exactly once, in order.

Each side numbers its lines and sends them in batches. The receiver takes a batch if it continues what it has, skips
what it has already, and says which line it expects next. What is not acknowledged in time is sent again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fanout.json_object import JsonObject
from fanout.locust_plugin.distributed._outbox import Outbox

BATCH_BYTES = 256_000
WINDOW = 8
"""The batches that may be on their way at the same time."""
RESEND_S = 1.0
"""The time after which unacknowledged lines are sent again; it doubles up to MOST_RESEND_S while nothing arrives."""
MOST_RESEND_S = 4.0

Message = dict[str, Any]
"""`next`, the line that the sender expects; in a batch also `first` and `lines`."""


class Link:
    """One end. It never waits: the owner calls tick() regularly, and take() with each message of the peer.

    `send` gives a message to the channel, and `on_line` takes each line of the peer.
    """

    def __init__(self, send: Callable[[Message], None], on_line: Callable[[JsonObject], object]) -> None:
        self._send = send
        self._on_line = on_line
        self._outbox = Outbox()
        self._expected = 0
        """The number of the peer's next line."""
        self._window = WINDOW
        self._resend_s = RESEND_S
        self._sent_at = 0.0
        """When the last batch was sent or acknowledged, by the owner's clock."""
        self._now = 0.0

    @property
    def unacknowledged(self) -> int:
        """The lines that the peer may not have."""
        return self._outbox.unacknowledged

    def post(self, line: JsonObject, *, is_urgent: bool = True) -> None:
        """Sends a line; one that isn't urgent goes with the next tick. Raises OSError if there is no space for it."""
        self._outbox.append(json.dumps(line).encode())
        if is_urgent:
            self._flush()

    def tick(self, now_s: float) -> None:
        """Sends what is due. `now_s` is a time that never goes back."""
        self._now = now_s
        if self._outbox.batches_read and now_s - self._sent_at >= self._resend_s:
            self._outbox.rewind()
            self._window = 1  # enough to find out whether the peer is there
            self._resend_s = min(2 * self._resend_s, MOST_RESEND_S)
        self._flush()

    def _flush(self) -> None:
        while self._outbox.batches_read < self._window and (batch := self._outbox.read(BATCH_BYTES)):
            self._sent_at = self._now
            self._send({"first": batch.first, "lines": batch.lines, "next": self._expected})

    def take(self, message: object) -> None:
        """Takes a message of the peer. Raises ValueError if it can't be one, and whatever `on_line` raises."""
        number, first, lines = _parts(message)
        self._acknowledge(number)
        if lines is None:
            return
        known = self._expected - first
        try:
            for line in lines.split(b"\n")[known:-1] if known >= 0 else ():
                self._expected += 1
                self._on_line(_line(line))
        finally:
            self._send({"next": self._expected})

    def _acknowledge(self, number: int) -> None:
        if number > self._outbox.end:
            raise ValueError(f"line {number} is expected, but there are {self._outbox.end}")
        before = self._outbox.unacknowledged
        self._outbox.acknowledge(number)
        if self._outbox.unacknowledged < before:
            self._window, self._resend_s, self._sent_at = WINDOW, RESEND_S, self._now
            self._flush()

    def close(self) -> None:
        self._outbox.close()


def _parts(message: object) -> tuple[int, int, bytes | None]:
    """What the peer expects, and its batch, if any: the number of its first line, and the lines."""
    match message:
        case {"next": int(number), "first": int(first), "lines": bytes(lines)} if number >= 0 and first >= 0:
            return number, first, lines
        case {"next": int(number), **others} if number >= 0 and not others:
            return number, 0, None
    raise ValueError("the message is neither a batch nor an acknowledgement")


def _line(text: bytes) -> JsonObject:
    try:
        line = json.loads(text)
    except RecursionError:
        raise ValueError("a line is nested too deeply") from None
    if not isinstance(line, dict):
        raise ValueError("a line is not an object")
    return line
