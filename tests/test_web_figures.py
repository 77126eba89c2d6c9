from __future__ import annotations

import random
import statistics
from dataclasses import replace

import pytest

from fanout.outcome import Outcome
from fanout.phases import PHASES
from fanout.web.figures import MOST_GROUPS, Figures
from helpers.runs import SNAPSHOT, question


def test_questions_are_counted_in_the_interval_of_their_end() -> None:
    figures = Figures(32)
    figures.add(question(1, agent=1, resolving=90), 0.2)
    figures.add(question(2, agent=2, resolving=10), 0.7)
    figures.add(question(3, agent=2), 2.5)
    figures.add(Outcome("4", 1, 1, 3, "failed", "read_timeout", "…"), 2.6)
    figures.add(Outcome("5", 1, 1, 3, "abandoned"), 2.7)
    first, gap, last = figures.buckets.all
    assert (first.ok, first.failed, first.phased[0]) == (2, 0, 2)
    assert first.phases_ms[PHASES.index("resolving")] == 100
    assert (gap.ok, gap.failed, last.ok, last.failed) == (0, 0, 1, 1)
    assert figures.status == {"ok": 3, "failed": 1, "abandoned": 1}


def test_without_a_service_time_the_latency_is_the_round_trip() -> None:
    figures = Figures(1)
    figures.add(replace(question(1, agent=1), adapter_ms=None, service_ms=None, round_trip_ms=250.0), 0.0)
    (bucket,) = figures.buckets.all
    assert (bucket.ok, bucket.phased[0]) == (1, 1)
    assert figures.mean_ms == 250.0


def test_percentiles_are_known_to_two_per_cent() -> None:
    figures, dice = Figures(1), random.Random(1)
    latencies_ms = [dice.lognormvariate(3, 1.5) for _ in range(5000)]
    for latency_ms in latencies_ms:
        figures.add(replace(question(1, agent=1), adapter_ms=latency_ms), 0.0)
    assert figures.p95_ms == pytest.approx(statistics.quantiles(latencies_ms, n=100)[94], rel=0.03)
    assert figures.mean_ms == pytest.approx(statistics.fmean(latencies_ms))


def test_without_questions_nothing_is_known() -> None:
    figures = Figures(4)
    assert (figures.mean_ms, figures.p95_ms, figures.now("open"), figures.coordinators) == (None, None, None, 0)


@pytest.mark.parametrize("agents", [1, 32, 64, 65, 512, 4096])
def test_each_agent_has_its_row_of_the_heat_strip(agents: int) -> None:
    figures = Figures(agents)
    assert len(figures.groups) <= MOST_GROUPS
    for agent in (1, agents):
        figures.add(question(1, agent=agent), 0.0)
    (column,) = figures.heat.all
    assert len(column.counts) == len(figures.groups)
    assert column.counts[0] > 0 and column.counts[-1] > 0
    assert figures.groups[-1].endswith(str(agents))


def test_gauges_of_several_coordinators_are_added() -> None:
    figures = Figures(4)
    figures.note(replace(SNAPSHOT, open=3, opened=4, due=9), 0.1)
    figures.note(replace(SNAPSHOT, coordinator=2, open=2, opened=2), 0.2)
    figures.note(replace(SNAPSHOT, at_s=10.5, open=1, opened=5, due=12, lag_ms=7.0, cpu_s=1.25), 1.2)
    first, second = figures.buckets.all
    assert (first.gauges["open"], second.gauges["open"]) == (5, 3)
    assert (first.lag_ms, second.lag_ms) == (0.5, 7.0)
    assert (first.cpu_readings, second.cpu_readings) == (0, 1)
    assert second.cpu_shares == pytest.approx(0.5)
    assert (figures.now("open"), figures.now("opened"), figures.now("due"), figures.coordinators) == (3, 7, 12, 2)


def test_an_increase_is_spread_over_the_time_in_which_it_happened() -> None:
    figures = Figures(4)
    for half_s in range(1, 21):  # 10 connections a second, reported a little late each time
        figures.note(replace(SNAPSHOT, at_s=half_s / 2, opened=5 * half_s), half_s * 0.503)
    opened = [bucket.counts["opened"] for bucket in figures.buckets.all]
    assert opened[2:-1] == pytest.approx([10] * (len(opened) - 3), rel=0.02)
    assert sum(opened) == pytest.approx(100)
    assert "due" not in figures.buckets.all[0].counts and figures.now("due") is None


def test_a_coordinator_that_has_ended_keeps_its_totals_only() -> None:
    figures = Figures(4)
    first = replace(SNAPSHOT, open=3, opened=4, cpu_s=1.0)
    figures.note(first, 0.0)
    figures.note(replace(first, at_s=10.5, cpu_s=1.25), 0.5)
    figures.note(replace(first, at_s=10.6, lag_ms=None).at_rest, 0.6)
    assert (figures.now("open"), figures.coordinators) == (0, 1)  # after the end, those that there were
    figures.note(replace(SNAPSHOT, coordinator=2, open=1, opened=1), 1.2)
    assert (figures.now("open"), figures.now("opened"), figures.coordinators) == (1, 5, 1)
    assert figures.buckets.all[-1].cpu_readings == 0  # the new one's share is not known yet


def test_merged_buckets_keep_sums_and_maxima() -> None:
    figures = Figures(4)
    figures.add(question(1, agent=1, resolving=5), 0.0)
    figures.note(replace(SNAPSHOT, open=3, opened=3), 0.5)
    figures.add(question(2, agent=1, resolving=7), 1.5)
    figures.note(replace(SNAPSHOT, open=1, opened=4, lag_ms=9.0), 1.6)
    one, other = figures.buckets.all
    one.merge(other)
    assert one.ok == one.phased[0] == 2
    assert one.phases_ms[PHASES.index("resolving")] == 12
    assert (one.gauges["open"], one.lag_ms) == (3, 9.0)
    assert one.counts["opened"] == pytest.approx(4)
