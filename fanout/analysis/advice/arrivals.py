"""Questions that could not start at their intended start."""

from __future__ import annotations

import math
from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._facts import MUCH, Advice, Facts, rule
from fanout.analysis.advice._remedies import ask_slower, more_in_flight
from fanout.phases import LATE_MS
from fanout.text import format_ms

LOAD = 0.7
"""The share of its slots that a load may use, so that random arrivals seldom wait for one."""
OFTEN = 0.5
"""The least share at which random arrivals often do."""


@rule
def late_starts(facts: Facts) -> Iterator[Advice]:
    arrivals, never = facts.scenario.arrivals, facts.because("not_started").height
    if arrivals is None or facts.is_saturated:
        return
    is_late = pl.col("late_ms") > LATE_MS
    late_ms = facts.asked.select(pl.col("late_ms").filter(is_late)).to_series()
    spent_ms = facts.spent_ms("late", of=facts.measured.filter(is_late))
    if late_ms.is_empty() or (not never and sum(spent_ms.values()) < MUCH * facts.total_ms):
        return
    each, slots = facts.scenario.dispatch.per_agent, facts.scenario.dispatch.per_agent * facts.agents
    held_s = _held_s(facts)
    wanted, mean_ms = arrivals.rate * held_s, float(late_ms.sum()) / late_ms.len()
    held_back = any(found.moved for found in facts.coordinators)
    if wanted < (slots if held_back else OFTEN * slots):  # agents were left alone after failures, or the loop was late
        return
    pause_s = facts.scenario.coordinator.pause_s
    paused = f" (with coordinator.pause_s, {pause_s:g} s)" if pause_s else ""
    finding = (
        f"{late_ms.len()} of {facts.asked.height} questions started late, by {format_ms(mean_ms)} on average, because "
        f"no agent was free: {arrivals.rate:g} a second that take {format_ms(1000 * held_s)} each{paused} keep "
        f"{wanted:.1f} in flight, and dispatch.per_agent ({each}) allows {slots}"
    )
    more = more_in_flight(max(each + 1, math.ceil(wanted / LOAD / facts.agents)))
    slower = (ask_slower(min(0.9 * arrivals.rate, LOAD * slots / held_s)),) if held_s else ()
    remedy = (
        "let each agent have more questions in flight, if it can answer several at the same time; or add agents, or "
        "lower the rate"
    )
    saves_ms = spent_ms["late"] / max(1, facts.measured_count)
    yield Advice(finding, remedy, (*more, *slower), spent_ms, saves_ms, failures=never)


def _held_s(facts: Facts) -> float:
    """How long an agent isn't free for another question, on average: its work on one, and the pause after it."""
    held_ms = pl.col("round_trip_ms") - pl.col("late_ms")
    mean_ms = facts.asked.select(held_ms.filter(pl.col("error_kind").ne_missing("not_started")).mean()).item()
    return (mean_ms or 0.0) / 1000 + facts.scenario.coordinator.pause_s
