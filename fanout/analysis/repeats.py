"""Runs of one configuration, taken together as one row of a comparison. Pure functions on frozen objects."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from fanout.analysis.advice import Advice
from fanout.analysis.summary import Failure, Summary
from fanout.phases import PHASES, Phase
from fanout.runs.series import Place


@dataclass(frozen=True, eq=False)
class Repeats:
    """One configuration's runs, in the order of their repeats; a run that belongs to no series is alone."""

    runs: tuple[Summary, ...]

    @cached_property
    def summary(self) -> Summary:
        """All of them as one: counts are totals, times means of the runs' own, the maximum the largest."""
        return self.runs[0] if len(self.runs) == 1 else _together(self.runs)

    def pairs_with(self, other: Repeats) -> list[tuple[Summary, Summary]] | None:
        """The runs that were made in turn, side by side; None where there are none."""
        mine, theirs = _by_repeat(self), _by_repeat(other)
        if mine is None or theirs is None or mine[0] != theirs[0]:
            return None
        common = sorted(mine[1].keys() & theirs[1].keys())
        return [(mine[1][repeat], theirs[1][repeat]) for repeat in common] or None


def gathered(summaries: Iterable[Summary]) -> list[Repeats]:
    """The rows of a comparison: runs at the same place of the same series belong together. The order stays."""
    rows: dict[object, list[Summary]] = {}
    for summary in summaries:
        place = summary.place
        key = (place.series, place.place, summary.name) if place else object()
        rows.setdefault(key, []).append(summary)
    return [Repeats(tuple(sorted(runs, key=_repeat_of))) for runs in rows.values()]


def _repeat_of(summary: Summary) -> int:
    return summary.place.repeat if summary.place else 0


def _by_repeat(repeats: Repeats) -> tuple[str, dict[int, Summary]] | None:
    places: list[Place] = [run.place for run in repeats.runs if run.place is not None]
    if len(places) < len(repeats.runs):
        return None
    return places[0].series, {place.repeat: run for place, run in zip(places, repeats.runs, strict=True)}


def _together(runs: Sequence[Summary]) -> Summary:
    first = runs[0]
    phases = [run.phases_ms for run in runs if run.phases_ms is not None]
    return replace(
        first,
        source=os.path.commonpath([run.source for run in runs]),
        questions=sum(run.questions for run in runs),
        failed=sum(run.failed for run in runs),
        abandoned=sum(run.abandoned for run in runs),
        mean_ms=_mean([run.mean_ms for run in runs]),
        p50_ms=_mean([run.p50_ms for run in runs]),
        p95_ms=_mean([run.p95_ms for run in runs]),
        max_ms=max((run.max_ms for run in runs if run.max_ms is not None), default=None),
        over_100ms=_total([run.over_100ms for run in runs]),
        connections=_total([run.connections for run in runs]),
        cpu_ms=_mean([run.cpu_ms for run in runs]),
        phases_ms={phase: _mean_of(phase, phases) for phase in PHASES} if len(phases) == len(runs) else None,
        suspect=_each_once(runs, [run.suspect for run in runs]),
        measured=_total([run.measured for run in runs]),
        failures=_failures(runs),
        problems=_each_once(runs, [run.problems for run in runs]),
        advice=_advice(runs),
        run=None,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one of them isn't known: a mean of the others would be of other runs."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _mean_of(phase: Phase, phases: Sequence[Mapping[Phase, float]]) -> float:
    return sum(means[phase] for means in phases) / len(phases)


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _failures(runs: Sequence[Summary]) -> tuple[Failure, ...]:
    """Those of all runs, by kind, each with its first example."""
    by_kind: dict[str, Failure] = {}
    for failure in (failure for run in runs for failure in run.failures):
        before = by_kind.get(failure.kind)
        by_kind[failure.kind] = replace(before, count=before.count + failure.count) if before else failure
    return tuple(by_kind.values())


def _each_once(runs: Sequence[Summary], texts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What is said of the runs, each with of how many."""
    counted = Counter(text for said in texts for text in dict.fromkeys(said))
    return tuple(
        text if count == len(runs) else f"in {count} of {len(runs)} runs: {text}" for text, count in counted.items()
    )


def _advice(runs: Sequence[Summary]) -> tuple[Advice, ...]:
    """What most of the runs agree on, as the first of them says it."""
    by_rule: dict[str, list[Advice]] = {}
    for run in runs:
        for rule in dict.fromkeys(said.rule for said in run.advice):
            by_rule.setdefault(rule, []).extend(said for said in run.advice if said.rule == rule)
    agreed = [said[0] for said in by_rule.values() if 2 * len(said) >= len(runs)]
    return tuple(sorted(agreed, key=lambda said: -said.share))
