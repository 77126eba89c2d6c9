from __future__ import annotations

import statistics

import pytest

from fanout.scenario import Constant, Exponential, LogNormal, ServiceTime
from workers.service_time import draw_s

DRAWN: list[ServiceTime] = [
    Constant(value_s=0.5, scale=2.0),
    LogNormal(median_s=11.0, sigma=0.26, scale=0.05),
    Exponential(mean_s=2.0, scale=0.5),
]


def draws(service_time: ServiceTime, seed: int = 7, count: int = 4000) -> list[float]:
    return [draw_s(service_time, seed, str(number)) for number in range(count)]


@pytest.mark.parametrize("service_time", DRAWN, ids=lambda drawn: drawn.distribution)
def test_the_same_question_meets_the_same_time(service_time: ServiceTime) -> None:
    assert draws(service_time) == draws(service_time)


@pytest.mark.parametrize("service_time", DRAWN[1:], ids=lambda drawn: drawn.distribution)
def test_another_question_or_seed_another_time(service_time: ServiceTime) -> None:
    assert len(set(draws(service_time))) == 4000
    assert not set(draws(service_time)) & set(draws(service_time, seed=8))


def test_the_distributions_are_what_they_say() -> None:
    assert set(draws(DRAWN[0])) == {1.0}
    lognormal = draws(DRAWN[1])
    assert statistics.median(lognormal) == pytest.approx(0.55, rel=0.03)
    exponential = draws(DRAWN[2])
    assert statistics.mean(exponential) == pytest.approx(1.0, rel=0.06)
    assert statistics.stdev(exponential) == pytest.approx(1.0, rel=0.1)


def test_the_draw_is_the_same_on_every_machine() -> None:
    assert draw_s(LogNormal(median_s=11.0, sigma=0.26), 7, "1") == pytest.approx(8.5516, abs=0.0001)


def test_scale_nought_is_no_wait() -> None:
    assert draw_s(LogNormal(median_s=11.0, sigma=0.26, scale=0.0), 7, "1") == 0
