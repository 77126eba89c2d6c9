"""Runs side by side: what each measured, and its ratio to a baseline. Pure functions on frozen objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fanout.results import Run
from fanout.scenario import Limits
from fanout.statistics import percentile

SLOW_MS = 100.0
"""The published analysis counts the questions over this."""


@dataclass(frozen=True)
class Summary:
    """One row, before any comparison. None is: not known from what is on disk."""

    label: str
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

    @property
    def questions_per_connection(self) -> float | None:
        return self.questions / self.connections if self.connections else None


@dataclass(frozen=True)
class Row:
    """A summary and its place in a comparison."""

    summary: Summary
    baseline: str | None
    """The label of the row that it is compared with; None where there is none."""
    ratio: float | None
    """Its mean divided by the baseline's: below 1 is faster."""


def summarize(run: Run) -> Summary:
    """A run directory's row."""
    adapter_ms = sorted(o.adapter_ms for o in run.outcomes if o.status == "ok" and o.adapter_ms is not None)
    statuses = [outcome.status for outcome in run.outcomes]
    scenario = run.scenario
    summary = Summary(
        label=run.name,
        source=str(run.directory),
        protocol=scenario.protocol,
        agents=scenario.agent_count,
        questions=len(statuses),
        failed=statuses.count("failed"),
        abandoned=statuses.count("abandoned"),
        connections=run.info.get("connections", {}).get("opened"),
        default_limits=scenario.client.limits == Limits(),
        work=f"{scenario.agent_count} agents, questions {scenario.questions}, seed {scenario.seed}, "
        f"{scenario.workers.service_time}",
        problems=tuple(run.info.get("problems", ())),
    )
    if not adapter_ms:
        unknown = (
            "no adapter latency is known: no question went well, or the agents send no Server-Timing: service;dur=…"
        )
        return replace(summary, problems=(*summary.problems, unknown))
    return replace(
        summary,
        mean_ms=sum(adapter_ms) / len(adapter_ms),
        p50_ms=percentile(adapter_ms, 50),
        p95_ms=percentile(adapter_ms, 95),
        max_ms=adapter_ms[-1],
        over_100ms=sum(value > SLOW_MS for value in adapter_ms),
    )


def distinct(summaries: Sequence[Summary]) -> list[Summary]:
    """The same rows, with labels that tell them apart: a label that stands twice gets its source behind it."""
    labels = [summary.label for summary in summaries]
    return [
        replace(s, label=f"{s.label} ({s.source.rstrip('/').rpartition('/')[2]})") if labels.count(s.label) > 1 else s
        for s in summaries
    ]


def compare_with(summaries: Sequence[Summary], baselines: Mapping[str, Summary]) -> list[Row]:
    """One row per summary; `baselines` names each label's baseline."""
    rows = []
    for summary in summaries:
        baseline = baselines.get(summary.label)
        known = baseline is not None and baseline.mean_ms and summary.mean_ms is not None
        ratio = summary.mean_ms / baseline.mean_ms if known else None  # type: ignore[operator, union-attr]
        rows.append(Row(summary, baseline.label if baseline else None, ratio))
    return rows


def one_baseline(summaries: Sequence[Summary], baseline: Sequence[Summary]) -> dict[str, Summary]:
    """Every label's baseline, where one run is the baseline of all.

    A baseline of several rows (a Locust file with several names) is matched name by name instead.
    """
    if len(baseline) == 1:
        return {summary.label: baseline[0] for summary in summaries}
    names = {_name(summary): summary for summary in baseline}
    return {summary.label: names[_name(summary)] for summary in summaries if _name(summary) in names}


def _name(summary: Summary) -> str:
    return summary.label.partition(" (")[0]


def default_limits_baselines(summaries: Sequence[Summary]) -> dict[str, Summary]:
    """Every label's baseline, where it is the first row of the same protocol with httpx's default limits."""
    firsts: dict[str | None, Summary] = {}
    for summary in summaries:
        if summary.default_limits:
            firsts.setdefault(summary.protocol, summary)
    return {s.label: firsts[s.protocol] for s in summaries if s.protocol in firsts}


def notes(rows: Sequence[Row]) -> list[str]:
    """What a reader has to know before believing the rows; each ends in what to do."""
    found = [f"{row.summary.label}: {problem}" for row in rows for problem in row.summary.problems]
    by_label = {row.summary.label: row.summary for row in rows}
    for row in rows:
        base = by_label.get(row.baseline or "")
        if base is not None and None not in (base.work, row.summary.work) and base.work != row.summary.work:
            found.append(
                f"{row.summary.label} did other work than its baseline {base.label} (agents, questions, seed or "
                "service times differ): compare runs of the same work"
            )
    if any(row.ratio is not None and row.baseline != row.summary.label for row in rows):
        found.append(
            "one run each, so how much of a ratio is noise is not known: run again before you decide by a small one"
        )
    return found
