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
    group: str = ""
    """The label of the group that the runs were named in; empty if they were named one by one."""

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


def grouped(label: str, summaries: Iterable[Summary]) -> list[Repeats]:
    """The rows of a group of sources: what has the same type and name in each is one configuration, and repeated."""
    rows: dict[object, list[Summary]] = {}
    for summary in summaries:
        rows.setdefault((summary.protocol, summary.name), []).append(summary)
    return [Repeats(tuple(sorted(runs, key=_repeat_of)), label) for runs in rows.values()]


def _repeat_of(summary: Summary) -> int:
    return summary.place.repeat if summary.place else 0


def _by_repeat(repeats: Repeats) -> tuple[str, dict[int, Summary]] | None:
    """The series and its repeats; None unless each run is another repeat of one series."""
    places: list[Place] = [run.place for run in repeats.runs if run.place is not None]
    by_repeat = {place.repeat: run for place, run in zip(places, repeats.runs, strict=False)}
    if len(by_repeat) < len(repeats.runs) or len({place.series for place in places}) > 1:
        return None
    return places[0].series, by_repeat
