"""Runs side by side: what each measured, and its ratio to a baseline. Pure functions on frozen objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fanout.advice import Advice
from fanout.summary import Summary


@dataclass(frozen=True)
class Row:
    """A summary and its place in a comparison."""

    label: str
    """Its name, with what tells it from others of that name."""
    summary: Summary
    baseline: Row | None
    """The row that it is compared with, which may be itself; None where there is none."""

    @property
    def marked(self) -> str:
        """The label as people read it: a run whose load generator was the bottleneck says so."""
        return f"{self.label} (suspect)" if self.summary.suspect else self.label

    @property
    def ratio(self) -> float | None:
        """Its mean divided by the baseline's: below 1 is faster."""
        mean_ms, base_ms = self.summary.mean_ms, self.baseline.summary.mean_ms if self.baseline else None
        return mean_ms / base_ms if mean_ms is not None and base_ms else None


def labels(summaries: Sequence[Summary]) -> list[str]:
    """A label for each: its name, and where that isn't enough its source, its type and its place."""
    ways: list[Callable[[int, Summary], str]] = [
        lambda _, s: s.name,
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


def compare_with(summaries: Sequence[Summary], baselines: Sequence[Summary | None]) -> list[Row]:
    """One row per summary, each with its baseline, which is one of the summaries or None."""
    names = labels(summaries)
    alone = [Row(label, summary, None) for label, summary in zip(names, summaries, strict=True)]
    by_identity = {id(row.summary): row for row in alone}
    return [
        replace(row, baseline=by_identity[id(base)] if base is not None else None)
        for row, base in zip(alone, baselines, strict=True)
    ]


def one_baseline(summaries: Sequence[Summary], baseline: Sequence[Summary]) -> list[Summary | None]:
    """Each summary's baseline, where one run is the baseline of all.

    A baseline of several rows (a Locust file with several names) is matched by type and name instead.
    """
    if len(baseline) == 1:
        return [baseline[0]] * len(summaries)
    rows = {(summary.protocol, summary.name): summary for summary in baseline}
    return [rows.get((summary.protocol, summary.name)) for summary in summaries]


def default_limits_baselines(summaries: Sequence[Summary]) -> list[Summary | None]:
    """Each summary's baseline, where it is the first row of the same protocol with httpx's default limits."""
    firsts: dict[str | None, Summary] = {}
    for summary in summaries:
        if summary.default_limits:
            firsts.setdefault(summary.protocol, summary)
    return [firsts.get(summary.protocol) for summary in summaries]


def notes(rows: Sequence[Row]) -> list[str]:
    """What a reader has to know before believing the rows; each ends in what to do."""
    found = [f"{row.label}: {problem}" for row in rows for problem in row.summary.problems]
    found += [f"{row.label} is suspect: {reason}" for row in rows for reason in row.summary.suspect]
    compared = [
        (row, row.baseline) for row in rows if row.baseline is not None and row.summary is not row.baseline.summary
    ]
    for row, base in compared:
        if None not in (base.summary.work, row.summary.work) and base.summary.work != row.summary.work:
            found.append(
                f"{row.label} did other work than its baseline {base.label} (agents, coordinators, questions, seed or "
                "service times differ): compare runs of the same work"
            )
    if any(row.ratio is not None for row, _ in compared):
        found.append(
            "each ratio is of two single runs, so how much of it is noise is not known: "
            "run again before you decide by a small one"
        )
    return found


def advice(rows: Sequence[Row]) -> list[str]:
    """What held the time in each run, and what to change. What is true of several runs is told of the first."""
    by_rule: dict[str, list[tuple[Row, Advice]]] = {}
    for row in rows:
        for said in row.summary.advice:
            by_rule.setdefault(said.rule, []).append((row, said))
    return [_told(found) for found in by_rule.values()]


def _told(found: Sequence[tuple[Row, Advice]]) -> str:
    (row, said), *others = found
    names = list(dict.fromkeys(other.label for other, _ in others if other is not row))
    return f"{row.label}: {said.text}" + (f" (likewise {', '.join(names)})" if names else "")
