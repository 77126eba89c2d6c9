"""Whether the coordinator itself was the bottleneck: its event loop's lag and its CPU time."""

from __future__ import annotations

import asyncio
import statistics
import time

from fanout.runs.schema import Lag, LoopHealth

INTERVAL_S = 0.05
"""Between samples, at first."""
MOST_SAMPLES = 256
"""When there are so many, half of them go and the interval doubles: waking up costs CPU time, too, and in a run of
minutes that mostly waits it would be most of what is told as the coordinator's."""


class LoopWatch:
    """Watches a process's event loop while work is going on (`async with watch:`, nested or one after another)."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.wall_s = 0.0
        self._lags_ms: list[float] = []
        self._worst_ms = 0.0
        self._interval_s = INTERVAL_S
        self._depth = 0
        self._began = (0.0, 0.0)
        self._sampler: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._depth += 1
        if self._depth == 1:
            self._began = (time.perf_counter(), time.process_time())
            self._sampler = asyncio.create_task(self._sample())

    async def __aexit__(self, *_exc: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._sampler is not None:
            self._sampler.cancel()
            self.wall_s += time.perf_counter() - self._began[0]
            self.cpu_s += time.process_time() - self._began[1]

    async def _sample(self) -> None:
        while True:
            due = time.perf_counter() + self._interval_s
            await asyncio.sleep(self._interval_s)
            self._add((time.perf_counter() - due) * 1000)

    def _add(self, lag_ms: float) -> None:
        self._lags_ms.append(lag_ms)
        self._worst_ms = max(self._worst_ms, lag_ms)
        if len(self._lags_ms) == MOST_SAMPLES:
            self._lags_ms = self._lags_ms[::2]  # evenly spaced in time, as they were
            self._interval_s *= 2

    def health(self) -> LoopHealth:
        """CPU and wall time while working, their ratio, and how late the loop ran a timer."""
        share = self.cpu_s / self.wall_s if self.wall_s else None
        return LoopHealth(self.cpu_s, self.wall_s, share, self._lag())

    def _lag(self) -> Lag | None:
        lags_ms = self._lags_ms
        if not lags_ms:
            return None
        # Before Python 3.13 one value has no quantiles.
        hundredths = statistics.quantiles(lags_ms if len(lags_ms) > 1 else lags_ms * 2, n=100, method="inclusive")
        return Lag(hundredths[49], hundredths[98], self._worst_ms)
