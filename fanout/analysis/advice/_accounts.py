"""Counts every millisecond and every failure once, however many rules saw it, and sorts the advice by that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fanout.analysis.advice._advice import Advice
from fanout.analysis.advice._facts import Facts
from fanout.phases import MEANINGS, PHASES, Phase
from fanout.text import format_ms

LITTLE = 0.05
"""Advice that explains less than this share of the time is dropped if closer causes explain most of what it claimed."""
WORTH_MS = 10.0
"""The least mean latency whose phases are named where no rule applies."""
LOST = 10.0
"""How many slow questions a failed one outweighs."""
MOST = 0.4
"""The least share of the time that makes a phase worth naming there."""


def settled(facts: Facts, found: Sequence[Advice]) -> list[Advice]:
    """The advice with its shares of the time and of the failures, what accounts for the most first.

    A rule that explains fewer phases has seen a closer cause, so its claim comes first.
    """
    left_ms = {phase: max(0.0, ms) for phase, ms in facts.spent_ms(*PHASES).items() if ms}
    settled = []
    for said in sorted(found, key=lambda said: len(said.spent_ms)):
        taken_ms = {phase: min(max(0.0, ms or 0.0), left_ms.get(phase, 0.0)) for phase, ms in said.spent_ms.items()}
        for phase, ms in taken_ms.items():
            left_ms[phase] = left_ms.get(phase, 0.0) - ms
        counted = _counted(facts, said, taken_ms)
        if not _is_covered(said, counted):
            settled.append(counted)
    if sum(said.weight for said in settled) < MOST / 2:
        settled += _unexplained(facts, left_ms)
    return sorted(settled, key=lambda said: -said.weight)


def _counted(facts: Facts, said: Advice, taken_ms: dict[Phase, float]) -> Advice:
    count = max(1, facts.measured_count)
    share = sum(taken_ms.values()) / facts.total_ms if facts.total_ms > 0 else 0.0
    saves_ms = said.saves_ms
    if saves_ms is not None and said.spent_ms and sum(taken_ms.values()) > 0:
        saves_ms = min(saves_ms, sum(taken_ms.values()) / count)
    return replace(
        said,
        spent_ms=taken_ms,
        share=share,
        saves_ms=saves_ms,
        mean_ms=facts.mean_latency_ms,
        failed=facts.failed.height,
        weight=max(share, min(1.0, LOST * said.failures / facts.asked.height), _saved_share(facts, saves_ms)),
    )


def _saved_share(facts: Facts, saves_ms: float | None) -> float:
    """The share of the round trips that would be saved, for advice about time that nobody can call overhead."""
    trips = facts.asked["round_trip_ms"].mean()
    return saves_ms / trips if saves_ms and isinstance(trips, float) and trips > 0 else 0.0


def _is_covered(said: Advice, counted: Advice) -> bool:
    claimed_ms = sum(ms or 0.0 for ms in said.spent_ms.values())
    return (
        not said.failures
        and claimed_ms > 0
        and counted.share < LITTLE
        and sum(counted.spent_ms.values()) < claimed_ms / 2
    )


def _unexplained(facts: Facts, left_ms: dict[Phase, float]) -> list[Advice]:
    """Names the phase that holds most of the time, where no rule says why."""
    if not left_ms or facts.mean_latency_ms is None or facts.mean_latency_ms < WORTH_MS or facts.has_impossible:
        return []
    phase = max(left_ms, key=lambda name: left_ms[name])
    share = left_ms[phase] / facts.total_ms
    if share < MOST:
        return []
    mean_ms = left_ms[phase] / facts.measured_count
    said = Advice(
        f"{phase} holds most of the time, {format_ms(mean_ms)} a question: {MEANINGS[phase]}", "", rule="unexplained"
    )
    return [replace(said, spent_ms={phase: left_ms[phase]}, share=share, mean_ms=facts.mean_latency_ms, weight=share)]
