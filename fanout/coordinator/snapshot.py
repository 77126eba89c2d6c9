"""What a coordinator is doing at one moment, for people who watch a run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from fanout.runs.schema import Count, Flag, Number
from fanout.runs.series import Ordinal

INTERVAL_S = 0.5
"""The time between two snapshots."""
TICKS = 5
"""How often the event loop's lag is measured between two snapshots."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Counts are totals of the coordinator's life, unless they are about this moment."""

    coordinator: Ordinal
    at_s: Number
    """Seconds of a clock of the coordinator's own that never goes back."""
    asked: Count
    due: Count | None
    """The questions whose intended start came more than LATE_MS ago; None if they have none."""
    in_flight: Count
    """Questions at this moment."""
    open: Count
    """Open connections at this moment."""
    in_pool: Count
    """Connections at this moment, including those being opened."""
    opened: Count
    reused: Count
    """Questions that ended and were sent on a connection that existed before."""
    lookups_waiting: Count
    """Name lookups that have not ended."""
    threads_busy: Count
    """Threads of asyncio's default executor that are busy."""
    lag_ms: Number | None
    """How late the event loop ran a timer at most, since the last snapshot; None if that was not measured."""
    cpu_s: Number
    is_last: Flag = False
    """Whether the coordinator ends now."""

    @property
    def at_rest(self) -> Snapshot:
        """The last snapshot of a coordinator, which is about to close its connections."""
        return replace(self, in_flight=0, open=0, in_pool=0, lookups_waiting=0, threads_busy=0, is_last=True)


async def watch_loop(take: Callable[[float], None]) -> None:
    """Calls `take` with the event loop's lag in ms, every INTERVAL_S, until it is cancelled."""
    while True:
        lag_ms, began = 0.0, time.perf_counter()
        for tick in range(1, TICKS + 1):
            due = began + tick * INTERVAL_S / TICKS  # so that lags don't add up
            await asyncio.sleep(max(due - time.perf_counter(), 0.0))
            lag_ms = max(lag_ms, (time.perf_counter() - due) * 1000)
        take(lag_ms)
