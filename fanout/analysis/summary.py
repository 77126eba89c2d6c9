"""What one run comes to: a row of every table. Pure functions on frozen objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import polars as pl

from fanout.analysis import load_generator_health
from fanout.analysis.advice import Advice, advise
from fanout.outcome import STATUSES
from fanout.phases import PHASES, Phase
from fanout.runs.questions_csv import MEASURED
from fanout.runs.reader import Run
from fanout.runs.series import Place
from fanout.scenario import Limits

SLOW_MS = 100.0
"""The published analysis counts the questions over this."""
UNANSWERED = "no question was answered: mend what the failures say"
UNKNOWN = "no adapter latency is known; have questions answered, by agents that send Server-Timing: service;dur=MS"
NEGATIVE = "its agents name service times longer than their round trips: correct what they send in Server-Timing"
MOST = 0.5
SPREAD = "spread"


@dataclass(frozen=True)
class Failure:
    """How often questions failed in one way, and an example."""

    kind: str
    count: int
    agent: int
    error: str


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
    cpu_ms: float | None = None
    """The coordinators' CPU time for each question."""
    phases_ms: Mapping[Phase, float] | None = None
    """Mean of each phase, over the same questions as the latencies."""
    suspect: tuple[str, ...] = ()
    """Why the run's own load generator may be what was measured."""
    measured: int | None = None
    """The questions whose latencies are known."""
    failures: tuple[Failure, ...] = ()
    """By kind."""
    problems: tuple[str, ...] = ()
    """Each ends in what to do; the failures are told besides."""
    advice: tuple[Advice, ...] = ()
    """What held the time, and what to change."""
    place: Place | None = None
    """In a series of runs made in turn."""
    run: Run | None = field(default=None, repr=False, compare=False)
    """What this is the summary of, question by question."""

    @property
    def questions_per_connection(self) -> float | None:
        return self.questions / self.connections if self.connections else None

    @property
    def unanswered(self) -> int:
        return self.failed + self.abandoned

    @property
    def doubts(self) -> list[str]:
        """What a reader has to know, each with what to do: failures, and problems."""
        failed = [
            f"{failure.count} of {self.questions} questions failed by {failure.kind}, such as agent {failure.agent}'s: "
            f"{failure.error}; questions.csv has them all"
            for failure in self.failures
        ]
        return [*failed, *self.problems]

    @property
    def is_of_part(self) -> bool:
        """Whether the latencies are those of some of the questions only."""
        return self.measured is not None and 0 < self.measured < self.questions

    @property
    def cause(self) -> str | None:
        """The phase that holds more than half of the adapter latency; `spread` where none does."""
        if self.phases_ms is None or self.cause_share is None:
            return None
        return max(self.phases_ms, key=self.phases_ms.__getitem__) if self.cause_share > MOST else SPREAD

    @property
    def cause_share(self) -> float | None:
        """Of the adapter latency, what the phase that holds the most of it holds."""
        return max(self.phases_ms.values()) / self.mean_ms if self.phases_ms and self.mean_ms else None

    @property
    def cause_in_words(self) -> str:
        """The cause as people read it, with its share."""
        if self.cause in (None, SPREAD):
            return self.cause or "–"
        return f"{self.cause} {self.cause_share:.0%}"


def summarize(run: Run) -> Summary:
    """A run directory's row."""
    questions = run.questions
    measured = questions.filter(MEASURED)
    count = {status: int((questions["status"] == status).sum()) for status in STATUSES}
    problems = [*run.info.get("problems", ())]
    if measured.is_empty():
        problems.append(UNKNOWN if count["ok"] else UNANSWERED)
    negative = [NEGATIVE] if measured.height and measured.select(pl.col("adapter_ms").min()).item() < 0 else []
    return Summary(
        name=run.name,
        source=str(run.directory),
        protocol=run.scenario.protocol,
        agents=run.scenario.agent_count,
        questions=questions.height,
        failed=count["failed"],
        abandoned=count["abandoned"],
        connections=run.info.get("connections", {}).get("opened"),
        default_limits=run.scenario.client.limits == Limits(),
        work=_work(run),
        cpu_ms=run.cpu_ms,
        phases_ms=_phases(measured),
        suspect=(*load_generator_health.reasons(run.info), *negative),
        measured=measured.height,
        failures=_failures(questions),
        problems=tuple(problems),
        advice=tuple(advise(run)),
        place=run.place,
        run=run,
        **_latencies(measured),
    )


def answered_by_all(summaries: Sequence[Summary]) -> list[Summary]:
    """The same with the latencies of the questions that all of these runs answered, where not all were.

    Which questions fail is no accident: the slow ones time out. Without this the run that fails more would look faster.
    Runs of different work have no questions in common and stay as they are.
    """
    runs = [summary.run for summary in summaries if summary.run is not None]
    same_work = len({summary.work for summary in summaries}) == 1
    if len(runs) < len(summaries) or not same_work or not any(summary.unanswered for summary in summaries):
        return list(summaries)
    keys = ["coordinator", "round", "question_id"]
    answered = [run.questions.filter(MEASURED) for run in runs]
    common = reduce(lambda found, more: found.join(more, on=keys, how="semi"), answered[1:], answered[0]).select(keys)
    kept = [asked.join(common, on=keys, how="semi") for asked in answered]
    return [
        replace(summary, run=replace(run, questions=left), **{**_NOTHING, **_latencies(left)})
        for summary, run, left in zip(summaries, runs, kept, strict=True)
    ]


_NOTHING: dict[str, Any] = dict.fromkeys(("mean_ms", "p50_ms", "p95_ms", "max_ms", "over_100ms"))


def _latencies(measured: pl.DataFrame) -> dict[str, Any]:
    """The figures of the adapter latencies; none where there are none."""
    if measured.is_empty():
        return {}
    adapter_ms = pl.col("adapter_ms")
    return measured.select(
        mean_ms=adapter_ms.mean(),
        p50_ms=adapter_ms.quantile(0.50, "linear"),
        p95_ms=adapter_ms.quantile(0.95, "linear"),
        max_ms=adapter_ms.max(),
        over_100ms=(adapter_ms > SLOW_MS).sum(),
    ).row(0, named=True)


def _failures(questions: pl.DataFrame) -> tuple[Failure, ...]:
    failed = questions.filter(pl.col("status") == "failed").with_columns(pl.col("error_kind").fill_null("unexpected"))
    kinds = failed.group_by("error_kind", maintain_order=True).agg(pl.len(), pl.first("agent"), pl.first("error"))
    return tuple(Failure(*row) for row in kinds.iter_rows())


def _phases(measured: pl.DataFrame) -> dict[Phase, float] | None:
    """The mean of each phase; None where they aren't known of all."""
    spent = measured.select(f"{phase}_ms" for phase in PHASES)
    if spent.is_empty() or any(spent.null_count().row(0)):
        return None
    return dict(zip(PHASES, spent.mean().row(0), strict=True))


def _work(run: Run) -> str:
    """The same text for the same questions, service times, agents and number of coordinators."""
    asked = run.questions.select(pl.col("question_id").unique().sort()).to_series()
    coordinators = run.questions["coordinator"].n_unique()
    scenario = run.scenario
    service = f"seed {scenario.seed}, {scenario.workers.service_time!r}"
    return (
        f"{coordinators} coordinators, {scenario.agent_count} agents, {service}, "
        f"{asked.len()} questions {asked.hash(seed=0).sum()}"
    )
