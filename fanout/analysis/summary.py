"""The summary of one run, a row of every table. Pure functions on frozen objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from fanout.analysis.advice import Advice
from fanout.analysis.figures import (
    Figure,
    common_folder,
    each_once,
    figure,
    figures_of,
    first,
    largest,
    mean,
    mean_of_each,
    total,
)
from fanout.phases import Phase
from fanout.runs.questions_csv import Basis
from fanout.runs.reader import Run
from fanout.runs.series import Place

SLOW_MS = 100.0
"""Questions that took longer are counted as slow."""
MAIN_CAUSE_SHARE = 0.5
"""A phase is the cause if it holds more than this share of the adapter latency."""
SPREAD = "spread"
_LATENCY_MS = pl.col("latency_ms")


@dataclass(frozen=True)
class Failure:
    """One kind of failure: how often it happened, and an example."""

    kind: str
    count: int
    agent: int
    error: str


def _failures_together(failures: Sequence[Sequence[Failure]]) -> tuple[Failure, ...]:
    """The failures of all runs, by kind, each with its first example."""
    by_kind: dict[str, Failure] = {}
    for failure in (failure for of_run in failures for failure in of_run):
        before = by_kind.get(failure.kind)
        by_kind[failure.kind] = replace(before, count=before.count + failure.count) if before else failure
    return tuple(by_kind.values())


def _agreed(advice: Sequence[Sequence[Advice]]) -> tuple[Advice, ...]:
    """The advice that at least half of the runs give, in the words of the first of them."""
    by_rule: dict[str, list[Advice]] = {}
    for of_run in advice:
        for rule in dict.fromkeys(said.rule for said in of_run):
            by_rule.setdefault(rule, []).append(next(said for said in of_run if said.rule == rule))
    agreed = [said[0] for said in by_rule.values() if 2 * len(said) >= len(advice)]
    return tuple(sorted(agreed, key=lambda said: -said.share))


@dataclass(frozen=True)
class Summary:
    """One row, before any comparison. None means unknown.

    A field declares its figure: how several runs are combined, and how tables show it. Titled figures are shown in this
    order.
    """

    name: str = figure(first)
    """The name of the scenario, or of the row in Locust's file."""
    source: str = figure(common_folder)
    """The run directory, or Locust's file. For several runs, the directory that contains them."""
    protocol: str | None = figure(first)
    agents: int | None = figure(first, key="agents", title="agents")
    questions: int = figure(total, key="questions", title="questions")
    """All questions that ended, in any way."""
    failed: int = figure(total, key="failed", title="failed", value=lambda summary: summary.unanswered)
    abandoned: int = figure(total, default=0)
    mean_ms: float | None = figure(
        mean, default=None, of=_LATENCY_MS.mean(), key="adapter_mean_ms", title="mean ms", decimals=2, is_compared=True
    )
    """The mean latency of the answered questions. The next four are also about those."""
    p50_ms: float | None = figure(
        mean,
        default=None,
        of=_LATENCY_MS.quantile(0.50, "linear"),
        key="adapter_p50_ms",
        title="p50 ms",
        decimals=2,
        is_compared=True,
    )
    p95_ms: float | None = figure(
        mean,
        default=None,
        of=_LATENCY_MS.quantile(0.95, "linear"),
        key="adapter_p95_ms",
        title="p95 ms",
        decimals=2,
        is_compared=True,
    )
    max_ms: float | None = figure(
        largest, default=None, of=_LATENCY_MS.max(), key="adapter_max_ms", title="max ms", decimals=2
    )
    percentiles_ms: Mapping[float, float] | None = figure(mean_of_each, default=None)
    """The percentiles in a report of Locust, by percentage; None for a run, which has every question."""
    over_100ms: int | None = figure(
        total, default=None, of=(_LATENCY_MS > SLOW_MS).sum(), key="over_100ms", title=">100 ms"
    )
    late: int | None = figure(total, default=None, key="late")
    """The questions that did not start within LATE_MS of their intended start; None if they have none."""
    latest_ms: float | None = figure(largest, default=None)
    """How late the latest question started."""
    connections: int | None = figure(total, default=None, key="connections_opened", title="connections")
    """The connections that the coordinators opened."""
    connected: int | None = figure(total, default=None)
    """The questions that had a connection."""
    basis: Basis = figure(first, default="adapter latency", key="latency_basis")
    """What the latencies are."""
    default_limits: bool | None = figure(first, default=None)
    work: str | None = figure(first, default=None)
    """A text that identifies the work: rows whose texts differ did different work."""
    cpu_ms: float | None = figure(mean, default=None, key="cpu_ms", decimals=2)
    """The coordinators' CPU time for each question."""
    memory_mib: float | None = figure(largest, default=None, key="memory_mib", decimals=0)
    """The most memory that a coordinator's process had."""
    phases_ms: Mapping[Phase, float] | None = figure(mean_of_each, default=None)
    """The mean of each phase, over the same questions as the latencies."""
    suspect: tuple[str, ...] = figure(each_once, default=(), key="suspect", value=lambda summary: bool(summary.suspect))
    """Why the load generator may have been the bottleneck."""
    measured: int | None = figure(total, default=None)
    """The number of questions whose latencies are known."""
    failures: tuple[Failure, ...] = figure(_failures_together, default=())
    """The failures, by kind."""
    problems: tuple[str, ...] = figure(each_once, default=())
    """What makes the figures doubtful, apart from `failures`; each ends in what to do."""
    advice: tuple[Advice, ...] = figure(_agreed, default=())
    """What took the time, and what to change."""
    place: Place | None = figure(first, default=None)
    """The place in a series of interleaved runs."""
    run: Run | None = field(default=None, repr=False, compare=False)
    """The run itself, question by question; None for several runs, and for a Locust file."""

    @property
    def is_locust_report(self) -> bool:
        """Whether it comes from Locust's own report: its latencies are response times, and include failed requests."""
        return self.percentiles_ms is not None

    @property
    def questions_per_connection(self) -> float | None:
        """The questions that had a connection, divided by the connections opened."""
        return self.connected / self.connections if self.connections and self.connected is not None else None

    @property
    def ok(self) -> int:
        return self.questions - self.unanswered

    @property
    def unanswered(self) -> int:
        return self.failed + self.abandoned

    @property
    def failed_share(self) -> float:
        return self.failed / self.questions

    @property
    def suspicions(self) -> int | None:
        """How many reasons there are to suspect the load generator.

        None if there is no reason, but a coordinator didn't report its health: then nothing is certain.
        """
        coordinators = self.run.info.coordinators if self.run is not None else ()
        is_known = bool(coordinators) and all(found.loop_health is not None for found in coordinators)
        return len(self.suspect) if is_known or self.suspect else None

    @property
    def reasons_to_doubt(self) -> int | None:
        """How many reasons there are to doubt the figures; None if the run has no record of its problems."""
        if self.run is not None and self.run.info.problems is None:
            return None
        return len(self.doubts) + self.is_of_part

    @property
    def doubts(self) -> list[str]:
        """The failures and the problems, each with what to do."""
        failed = [
            f"{failure.count} of {self.questions} questions failed ({failure.kind}), such as one to agent "
            f"{failure.agent}: {failure.error}; questions.csv lists all of them"
            for failure in self.failures
        ]
        return [*failed, *self.problems]

    @property
    def is_of_part(self) -> bool:
        """Whether the latencies cover only some of the questions."""
        return self.measured is not None and 0 < self.measured < self.questions

    @property
    def cause(self) -> str | None:
        """The phase that holds more than half of the adapter latency; `spread` if none does."""
        if self.phases_ms is None or self.cause_share is None:
            return None
        return max(self.phases_ms, key=self.phases_ms.__getitem__) if self.cause_share > MAIN_CAUSE_SHARE else SPREAD

    @property
    def cause_share(self) -> float | None:
        """The largest share of the adapter latency that one phase holds."""
        return max(self.phases_ms.values()) / self.mean_ms if self.phases_ms and self.mean_ms else None

    @property
    def cause_in_words(self) -> str:
        """The cause with its share, for people."""
        if self.cause in (None, SPREAD):
            return self.cause or "–"
        return f"{self.cause} {self.cause_share:.0%}"


FIGURES: dict[str, Figure] = figures_of(Summary)
"""Every figure of a summary, by name."""
LATENCIES = {name: declared.of for name, declared in FIGURES.items() if declared.of is not None}


def together(runs: Sequence[Summary]) -> Summary:
    """Combines the runs of one configuration into one summary."""
    figures = {name: declared.over_runs([getattr(run, name) for run in runs]) for name, declared in FIGURES.items()}
    return Summary(**figures)
