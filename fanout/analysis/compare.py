"""Runs side by side: what each measured, and its ratio to a baseline. Pure functions on frozen objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias, TypeVar

from fanout.analysis.intervals import Ratio, Verdict, paired_ratio, unpaired_ratio
from fanout.analysis.repeats import Repeats
from fanout.analysis.run_summary import answered_by_all
from fanout.analysis.single_runs import verdict_on_single_runs
from fanout.analysis.summary import FIGURES, Summary

T = TypeVar("T")
RatioOf: TypeAlias = Callable[[Sequence[float], Sequence[float]], Ratio | None]
COMPARED: tuple[str, ...] = tuple(name for name, declared in FIGURES.items() if declared.is_compared)
"""The figures that are divided by the baseline's."""


@dataclass(frozen=True)
class Row:
    """A configuration's runs and their place in a comparison."""

    label: str
    """Its name, with what tells it from others of that name."""
    repeats: Repeats
    baseline: Row | None
    """The row that it is compared with, which may be itself; None where there is none."""

    @property
    def summary(self) -> Summary:
        return self.repeats.summary

    @property
    def runs(self) -> int:
        return len(self.repeats.runs)

    @property
    def marked(self) -> str:
        """The label as people read it: a run whose load generator was the bottleneck says so."""
        return f"{self.label} (suspect)" if self.summary.suspect else self.label

    @property
    def compared(self) -> bool:
        """Whether it has a baseline that isn't itself."""
        return self.baseline is not None and self.baseline.repeats is not self.repeats

    @cached_property
    def ratios(self) -> dict[str, Ratio | None]:
        """Its figures divided by the baseline's: below 1 is faster. None is: not known."""
        if self.baseline is None:
            return dict.fromkeys(COMPARED)
        if not self.compared:
            itself = Ratio(1.0, self.runs, 0.0, 1.0, 1.0)
            return {figure: itself if getattr(self.summary, figure) else None for figure in COMPARED}
        return _ratios(*side_by_side(self.repeats, self.baseline.repeats, answered_by_all))

    @property
    def verdict(self) -> Verdict | None:
        """By the mean, which is what a question costs; None for what isn't compared with another row."""
        if not self.compared:
            return None
        ratio = self.ratios["mean_ms"]
        if ratio is None or self.baseline is None:
            return "unknown"
        if ratio.low is None and ratio.runs == 1:
            return verdict_on_single_runs(self.summary, self.baseline.summary, ratio.value)
        return ratio.verdict


def side_by_side(
    mine: Repeats, theirs: Repeats, of: Callable[[Sequence[Summary]], Sequence[T]]
) -> tuple[list[T], list[T], RatioOf]:
    """What `of` makes of the runs that are compared with each other, by side, and how ratios are made of that.

    Of runs made in turn these are the two of each pair; of others, all of both sides.
    """
    pairs = mine.pairs_with(theirs)
    if pairs is None:
        found = of([*mine.runs, *theirs.runs])
        return list(found[: len(mine.runs)]), list(found[len(mine.runs) :]), unpaired_ratio
    both = [of(pair) for pair in pairs]
    return [one for one, _ in both], [other for _, other in both], paired_ratio


def _ratios(runs: Sequence[Summary], base: Sequence[Summary], ratio_of: RatioOf) -> dict[str, Ratio | None]:
    found: dict[str, Ratio | None] = {}
    for figure in COMPARED:
        values, before = ([getattr(run, figure) for run in side] for side in (runs, base))
        found[figure] = None if None in values or None in before else ratio_of(values, before)
    return found


def labels(summaries: Sequence[Summary]) -> list[str]:
    """A label for each: its name, and where that isn't enough its place, its source, its type and its number."""
    ways: list[Callable[[int, Summary], str]] = [
        lambda _, s: s.name,
        lambda _, s: f"{s.name} #{s.place.place}" if s.place else "",
        lambda _, s: f"{s.name} ({s.source.rstrip('/').rpartition('/')[2]})",
        lambda _, s: f"{s.name} ({s.source})",
        lambda _, s: f"{s.protocol} {s.name} ({s.source})",
        lambda n, s: f"{s.protocol} {s.name} ({s.source}), {n}",
    ]
    found = [""] * len(summaries)
    for way in ways:
        unclear = [not label or found.count(label) > 1 for label in found]
        found = [way(n, summaries[n]) if unclear[n] else label for n, label in enumerate(found)]
    return found


def compare_with(repeats: Sequence[Repeats], baselines: Sequence[Repeats | None]) -> list[Row]:
    """One row for each, with its baseline, which is one of them or None."""
    names = labels([found.summary for found in repeats])
    alone = [Row(label, found, None) for label, found in zip(names, repeats, strict=True)]
    by_identity = {id(row.repeats): row for row in alone}
    return [
        replace(row, baseline=by_identity[id(base)] if base is not None else None)
        for row, base in zip(alone, baselines, strict=True)
    ]


def one_baseline(repeats: Sequence[Repeats], baseline: Sequence[Repeats]) -> list[Repeats | None]:
    """The baseline of each, where one run is the baseline of all.

    A baseline of several rows (a series, or a Locust file with several names) is matched by type and name instead; of
    none there is nothing to compare with.
    """
    if len(baseline) == 1:
        return [baseline[0]] * len(repeats)
    rows = {_type_and_name(found): found for found in reversed(baseline)}
    return [rows.get(_type_and_name(found)) for found in repeats]


def _type_and_name(repeats: Repeats) -> tuple[str | None, str]:
    return repeats.summary.protocol, repeats.summary.name


def default_limits_baselines(repeats: Sequence[Repeats]) -> list[Repeats | None]:
    """The baseline of each, where it is the first row of the same protocol with httpx's default limits."""
    firsts: dict[str | None, Repeats] = {}
    for found in repeats:
        if found.summary.default_limits:
            firsts.setdefault(found.summary.protocol, found)
    return [firsts.get(found.summary.protocol) for found in repeats]


def baselines_within(repeats: Sequence[Repeats]) -> list[Repeats | None]:
    """The baseline of each row of one series: httpx's default limits where it has them, else its first row."""
    found = default_limits_baselines(repeats)
    return found if any(found) else [repeats[0]] * len(repeats)
