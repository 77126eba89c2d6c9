"""Groups the runs of one configuration into one row of a comparison. Pure functions on frozen objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from fanout.analysis.summary import Summary, together
from fanout.runs.series import Place


@dataclass(frozen=True, eq=False)
class Repeats:
    """The runs of one configuration, in the order of their repeats. A run that belongs to no series is alone."""

    runs: tuple[Summary, ...]

    @cached_property
    def summary(self) -> Summary:
        """The runs combined: counts are totals, durations are means over the runs, the maximum is the largest."""
        return self.runs[0] if len(self.runs) == 1 else together(self.runs)

    def pairs_with(self, other: Repeats) -> list[tuple[Summary, Summary]] | None:
        """The pairs of interleaved runs; None if there are none."""
        mine, theirs = _by_repeat(self), _by_repeat(other)
        if mine is None or theirs is None or mine[0] != theirs[0]:
            return None
        common = sorted(mine[1].keys() & theirs[1].keys())
        return [(mine[1][repeat], theirs[1][repeat]) for repeat in common] or None


def gathered(summaries: Iterable[Summary]) -> list[Repeats]:
    """The rows of a comparison, in the same order. Runs at the same place of the same series form one row."""
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
