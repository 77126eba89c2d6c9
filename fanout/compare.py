"""Runs side by side: what each measured, and its ratio to a baseline. Pure functions on frozen objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fanout.results import Run
from fanout.scenario import Limits
from fanout.statistics import percentile

SLOW_MS = 100.0
"""The published analysis counts the questions over this."""


@dataclass(frozen=True)
class Summary:
    """One row, before any comparison. None is: not known from what is on disk."""

    name: str
    """The scenario's, or that of Locust's row."""
    source: str
    """The run directory, or Locust's file."""
    protocol: str | None
    agents: int | None
    questions: int
    """That ended, however."""
    failed: int
    abandoned: int = 0
    mean_ms: float | None = None
    """Adapter latency of the questions that went well, as are the next four."""
    p50_ms: float | None = None
    p95_ms: float | None = None
    max_ms: float | None = None
    over_100ms: int | None = None
    connections: int | None = None
    """Opened by the coordinators."""
    default_limits: bool | None = None
    work: str | None = None
    """What was asked of the agents, as text to compare: rows that differ here did different work."""
    problems: tuple[str, ...] = ()
    """Each ends in what to do."""

    @property
    def questions_per_connection(self) -> float | None:
        return self.questions / self.connections if self.connections else None


@dataclass(frozen=True)
class Row:
    """A summary and its place in a comparison."""

    label: str
    """Its name, with what tells it from others of that name."""
    summary: Summary
    baseline: Row | None
    """The row that it is compared with, which may be itself; None where there is none."""

    @property
    def ratio(self) -> float | None:
        """Its mean divided by the baseline's: below 1 is faster."""
        mean_ms, base_ms = self.summary.mean_ms, self.baseline.summary.mean_ms if self.baseline else None
        return mean_ms / base_ms if mean_ms is not None and base_ms else None


UNKNOWN = "no adapter latency is known; have questions answered, by agents that send Server-Timing: service;dur=MS"


def summarize(run: Run) -> Summary:
    """A run directory's row."""
    adapter_ms = sorted(o.adapter_ms for o in run.outcomes if o.status == "ok" and o.adapter_ms is not None)
    statuses = [outcome.status for outcome in run.outcomes]
    summary = Summary(
        name=run.name,
        source=str(run.directory),
        protocol=run.scenario.protocol,
        agents=run.scenario.agent_count,
        questions=len(statuses),
        failed=statuses.count("failed"),
        abandoned=statuses.count("abandoned"),
        connections=run.info.get("connections", {}).get("opened"),
        default_limits=run.scenario.client.limits == Limits(),
        work=_work(run),
        problems=tuple(run.info.get("problems", ())),
    )
    if not adapter_ms:
        return replace(summary, problems=(*summary.problems, UNKNOWN))
    if len(adapter_ms) < len(statuses):
        part = (
            f"the latencies are those of {len(adapter_ms)} of {len(statuses)} questions; see questions.csv for the rest"
        )
        summary = replace(summary, problems=(*summary.problems, part))
    return replace(
        summary,
        mean_ms=sum(adapter_ms) / len(adapter_ms),
        p50_ms=percentile(adapter_ms, 50),
        p95_ms=percentile(adapter_ms, 95),
        max_ms=adapter_ms[-1],
        over_100ms=sum(value > SLOW_MS for value in adapter_ms),
    )


def _work(run: Run) -> str:
    """The same text for the same questions, service times, agents and number of coordinators."""
    questions = sorted({outcome.question_id for outcome in run.outcomes})
    coordinators = len({outcome.coordinator for outcome in run.outcomes})
    scenario = run.scenario
    service = f"seed {scenario.seed}, {scenario.workers.service_time!r}"
    return f"{coordinators} coordinators, {scenario.agent_count} agents, {service}, {questions}"


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
