"""Measures how far another process's clock is from this one's, by asking it for the time."""

from __future__ import annotations

from fanout.runs.schema import ClockOffset

READINGS = 8


def offset_of(sent: float, at: float, received: float) -> ClockOffset:
    """One reading: this clock's time when the question was sent and its answer received, and the other's in between.

    All times are in seconds. The other clock may have been read at any time between, hence the error.
    """
    half_ms = max(received - sent, 0.0) / 2 * 1000
    return ClockOffset(ahead_ms=(at - sent) * 1000 - half_ms, error_ms=half_ms)


def better(one: ClockOffset | None, other: ClockOffset) -> ClockOffset:
    """The more exact of two readings."""
    return other if one is None or other.error_ms < one.error_ms else one
