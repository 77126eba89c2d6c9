"""Whether the coordinator itself was the bottleneck: its event loop's lag and its CPU time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fanout.statistics import percentile

INTERVAL_S = 0.05


class Health:
    """Watches a process's event loop while work is going on (`async with health:`, nested or one after another)."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.wall_s = 0.0
        self._lags_ms: list[float] = []
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
            due = time.perf_counter() + INTERVAL_S
            await asyncio.sleep(INTERVAL_S)
            self._lags_ms.append((time.perf_counter() - due) * 1000)

    def to_json(self) -> dict[str, Any]:
        """CPU and wall time while working, their ratio, and how late the loop ran a timer, in ms."""
        lags = sorted(self._lags_ms)
        lag = {"p50": percentile(lags, 50), "p99": percentile(lags, 99), "max": lags[-1]} if lags else None
        share = self.cpu_s / self.wall_s if self.wall_s else None
        return {"cpu_s": self.cpu_s, "wall_s": self.wall_s, "cpu_share": share, "loop_lag_ms": lag}
