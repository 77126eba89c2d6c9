"""Measures whether the coordinator itself was the bottleneck, by its event loop's lag and its CPU time."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from fanout.processes.cgroup import increase_s, throttled_s
from fanout.processes.run_queue import waited_s
from fanout.runs.schema import Lag, LoopHealth

INTERVAL_S = 0.05
"""The initial time between samples."""
MAX_SAMPLES = 256
"""At this number, half of the samples are dropped and the interval doubles. Waking up costs CPU time, too: in a run of
minutes that mostly waits it would be most of the coordinator's reported CPU time."""


class _Clocks(NamedTuple):
    """What has been spent so far."""

    wall_s: float
    cpu_s: float
    throttled_s: Mapping[Path, float]
    waited_s: float | None

    @classmethod
    def read(cls) -> _Clocks:
        return cls(time.perf_counter(), time.process_time(), throttled_s(), waited_s())


class LoopWatch:
    """Watches a process's event loop while there is work (`async with watch:`, which may be nested or repeated)."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.wall_s = 0.0
        self._lags_ms: list[float] = []
        self._worst_ms = 0.0
        self._interval_s = INTERVAL_S
        self._depth = 0
        self._before = _Clocks.read()
        self._throttled_s = 0.0
        self._waited_s: float | None = None
        self._sampler: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._depth += 1
        if self._depth == 1:
            self._before = _Clocks.read()
            self._sampler = asyncio.create_task(self._sample())

    async def __aexit__(self, *_exc: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._sampler is not None:
            self._sampler.cancel()
            self._add_times()

    def _add_times(self) -> None:
        """Adds the time since it began, or since the last call."""
        before, now = self._before, _Clocks.read()
        self._before = now
        self.wall_s += now.wall_s - before.wall_s
        self.cpu_s += now.cpu_s - before.cpu_s
        self._throttled_s += increase_s(before.throttled_s, now.throttled_s)
        if before.waited_s is not None and now.waited_s is not None:
            self._waited_s = (self._waited_s or 0.0) + now.waited_s - before.waited_s

    async def _sample(self) -> None:
        while True:
            due = time.perf_counter() + self._interval_s
            await asyncio.sleep(self._interval_s)
            self._add((time.perf_counter() - due) * 1000)

    def _add(self, lag_ms: float) -> None:
        self._lags_ms.append(lag_ms)
        self._worst_ms = max(self._worst_ms, lag_ms)
        if len(self._lags_ms) == MAX_SAMPLES:
            self._lags_ms = self._lags_ms[::2]  # so they stay evenly spaced in time
            self._interval_s *= 2

    def health(self) -> LoopHealth:
        """CPU and wall time while working so far, their ratio, and how late the loop ran its timers."""
        if self._depth:
            self._add_times()
        share = self.cpu_s / self.wall_s if self.wall_s else None
        return LoopHealth(self.cpu_s, self.wall_s, share, self._lag(), self._throttled_s or None, self._waited_s)

    def _lag(self) -> Lag | None:
        lags_ms = self._lags_ms
        if not lags_ms:
            return None
        # Before Python 3.13, quantiles() needs at least two values.
        hundredths = statistics.quantiles(lags_ms if len(lags_ms) > 1 else lags_ms * 2, n=100, method="inclusive")
        return Lag(hundredths[49], hundredths[98], self._worst_ms)
