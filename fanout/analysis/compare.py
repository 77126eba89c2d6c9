"""Compares runs: what each measured, and its ratio to a baseline. Pure functions on frozen objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias, TypeVar

from fanout.analysis.intervals import Ratio, Verdict, paired_ratio, unpaired_ratio
from fanout.analysis.repeats import Repeats
from fanout.analysis.run_summary import answered_by_all
from fanout.analysis.settings import settings_of, telling
from fanout.analysis.single_runs import verdict_on_single_runs
from fanout.analysis.summary import FIGURES, Summary

T = TypeVar("T")
RatioOf: TypeAlias = Callable[[Sequence[float], Sequence[float]], Ratio | None]
COMPARED: tuple[str, ...] = tuple(name for name, declared in FIGURES.items() if declared.is_compared)
"""The figures that are divided by those of the baseline."""


@dataclass(frozen=True)
class Row:
    """A configuration's runs and their place in a comparison."""

    label: str
    """The name, made unique among the rows."""
    repeats: Repeats
    baseline: Row | None
    """The row to compare with, which may be this row itself; None if there is none."""

    @property
    def summary(self) -> Summary:
        return self.repeats.summary

    @property
    def runs(self) -> int:
        return len(self.repeats.runs)

    @property
    def marked(self) -> str:
        """The label for people, which marks a suspect run."""
        return f"{self.label} (suspect)" if self.summary.suspect else self.label

    @property
    def compared(self) -> bool:
        """Whether the row has a baseline other than itself."""
        return self.baseline is not None and self.baseline.repeats is not self.repeats

    @cached_property
    def ratios(self) -> dict[str, Ratio | None]:
        """Each figure divided by that of the baseline: below 1 is faster. None means unknown."""
        if self.baseline is None:
            return dict.fromkeys(COMPARED)
        if not self.compared:
            itself = Ratio(1.0, self.runs, 0.0, 1.0, 1.0)
            return {figure: itself if getattr(self.summary, figure) else None for figure in COMPARED}
        if self.summary.basis != self.baseline.summary.basis:
            return dict.fromkeys(COMPARED)
        return _ratios(*side_by_side(self.repeats, self.baseline.repeats, answered_by_all))

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the mean, which is what a question costs; None if the row isn't compared with another."""
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
    """The results of `of` for the runs of each side, and the function that makes ratios of them.

    `of` receives runs that are compared with each other: each pair of interleaved runs, or else all runs of both sides.
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


def labels(summaries: Sequence[Summary], groups: Sequence[str] = ()) -> list[str]:
    """A unique label for each: its name, and where necessary also its place, settings, source, type and number.

    `groups` are the labels of their groups, empty for those in none; such a label replaces the name where it suffices.
    """
    settings = _telling(summaries)
    of_group = groups or [""] * len(summaries)
    ways: list[Callable[[int, Summary], str]] = [
        lambda n, s: of_group[n] or s.name,
        lambda n, s: f"{of_group[n]} {s.name}" if of_group[n] else "",
        lambda n, s: f"{of_group[n]} {s.protocol} {s.name}" if of_group[n] else "",
        lambda _, s: f"{s.name} #{s.place.place}" if s.place else "",
        lambda _, s: f"{s.protocol} {s.name}" if s.is_locust_report else "",
        lambda n, s: f"{s.name} ({settings[n]})" if settings[n] else "",
        lambda _, s: f"{s.name} ({s.source.rstrip('/').rpartition('/')[2]})",
        lambda _, s: f"{s.protocol} {s.name} ({s.source.rstrip('/').rpartition('/')[2]})",
        lambda _, s: f"{s.name} ({s.source})",
        lambda _, s: f"{s.protocol} {s.name} ({s.source})",
        lambda n, s: f"{s.protocol} {s.name} ({s.source}), {n}",
    ]
    found = [""] * len(summaries)
    for way in ways:
        unclear = [not label or found.count(label) > 1 for label in found]
        found = [way(n, summaries[n]) if unclear[n] else label for n, label in enumerate(found)]
    return found


def _telling(summaries: Sequence[Summary]) -> list[str]:
    """What tells the scenario of each from those of the same name; empty if that is unknown, or takes many words."""
    found = [""] * len(summaries)
    by_name: dict[str, list[int]] = {}
    for n, summary in enumerate(summaries):
        by_name.setdefault(summary.name, []).append(n)
    for same in by_name.values():
        runs = [run for n in same if (run := summaries[n].run) is not None]
        if len(runs) == len(same) > 1:
            words = telling([settings_of(run.scenario, without=("name",)) for run in runs])
            for n, text in zip(same, words, strict=True):
                found[n] = text
    return found


def compare_with(repeats: Sequence[Repeats], baselines: Sequence[Repeats | None]) -> list[Row]:
    """One row for each of `repeats`. Its baseline is one of them, or None."""
    names = labels([found.summary for found in repeats], [found.group for found in repeats])
    alone = [Row(label, found, None) for label, found in zip(names, repeats, strict=True)]
    by_identity = {id(row.repeats): row for row in alone}
    return [
        replace(row, baseline=by_identity[id(base)] if base is not None else None)
        for row, base in zip(alone, baselines, strict=True)
    ]


def one_baseline(repeats: Sequence[Repeats], baseline: Sequence[Repeats]) -> list[Repeats | None]:
    """The baseline of each row: the only row of `baseline`, if there is one.

    A baseline of several rows (a series, or a report of Locust) is matched by type and name instead, and so is every
    report of Locust with another. An empty baseline gives None for all.
    """
    rows = {_type_and_name(found): found for found in reversed(baseline)}
    if len(baseline) != 1:
        return [rows.get(_type_and_name(found)) for found in repeats]
    of_locust = baseline[0].summary.is_locust_report
    return [
        rows.get(_type_and_name(found)) if of_locust and found.summary.is_locust_report else baseline[0]
        for found in repeats
    ]


def _type_and_name(repeats: Repeats) -> tuple[str | None, str]:
    return repeats.summary.protocol, repeats.summary.name


def default_limits_baselines(repeats: Sequence[Repeats]) -> list[Repeats | None]:
    """The baseline of each row: the first row of the same protocol that has httpx's default limits, or None."""
    firsts: dict[str | None, Repeats] = {}
    for found in repeats:
        if found.summary.default_limits:
            firsts.setdefault(found.summary.protocol, found)
    return [firsts.get(found.summary.protocol) for found in repeats]


def baselines_within(repeats: Sequence[Repeats]) -> list[Repeats | None]:
    """The baseline of each row of one series: a row with httpx's default limits if any has them, else the first row.

    The rows of a report of Locust are no alternatives of each other, so they have none.
    """
    if repeats[0].summary.is_locust_report:
        return [None] * len(repeats)
    found = default_limits_baselines(repeats)
    return found if any(found) else [repeats[0]] * len(repeats)
