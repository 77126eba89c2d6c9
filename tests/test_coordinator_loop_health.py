from __future__ import annotations

import asyncio
import time

import numpy as np
import polars as pl
import pytest

from fanout.coordinator.loop_health import INTERVAL_S, MAX_SAMPLES, LoopWatch
from fanout.runs.questions_csv import quantile
from fanout.runs.schema import Lag, LoopHealth


def test_a_blocked_loop_shows_as_lag() -> None:
    async def go() -> LoopWatch:
        health = LoopWatch()
        async with health:
            await asyncio.sleep(0.01)
            time.sleep(INTERVAL_S + 0.2)
            await asyncio.sleep(0.01)
        return health

    lag = asyncio.run(go()).health().lag_ms
    assert lag is not None and lag.max is not None and lag.max >= 100
    assert (lag.p50 or 0) <= (lag.p99 or 0) <= lag.max


def test_only_working_time_is_counted_and_nested_work_once() -> None:
    async def go() -> LoopWatch:
        health = LoopWatch()
        began = time.perf_counter()
        await asyncio.sleep(0.2)
        async with health, health:
            sum(range(1_000_000))
            await asyncio.sleep(0.05)
        assert health.wall_s <= time.perf_counter() - began - 0.2
        return health

    health = asyncio.run(go())
    assert health.cpu_s > 0
    assert health.wall_s >= 0.05


def test_no_sample_is_no_lag_rather_than_a_good_one() -> None:
    assert LoopWatch().health() == LoopHealth(cpu_s=0.0, wall_s=0.0)


@pytest.mark.parametrize("lags_ms", [[7.0], [3.0, 1.0], [4.0, 1.0, 3.0, 2.0], [n * 7 % 13 / 3 for n in range(200)]])
def test_percentiles_are_those_of_the_columns_of_a_run_and_of_intervals(lags_ms: list[float]) -> None:
    watch = LoopWatch()
    for lag_ms in lags_ms:
        watch._add(lag_ms)
    found = watch.health().lag_ms
    assert found is not None
    for share, percentile in ((0.5, found.p50), (0.99, found.p99)):
        assert percentile == pytest.approx(quantile(pl.Series(lags_ms), share))
        assert percentile == pytest.approx(np.quantile(lags_ms, share))


def test_a_long_run_is_sampled_less_often_and_its_worst_lag_is_kept() -> None:
    health = LoopWatch()
    for number in range(20 * MAX_SAMPLES):
        health._add(70.0 if number == 301 else float(number % 3))
    assert len(health._lags_ms) < MAX_SAMPLES
    assert health._interval_s > 16 * INTERVAL_S
    assert health.health().lag_ms == Lag(p50=1.0, p99=2.0, max=70.0)
