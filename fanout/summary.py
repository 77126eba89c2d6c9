"""What one run comes to: a row of every table. Pure functions on frozen objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fanout import suspicion
from fanout.advice import Advice, advise
from fanout.outcome import Outcome
from fanout.phases import PHASES, Phase
from fanout.results import Run
from fanout.scenario import Limits
from fanout.statistics import percentile

SLOW_MS = 100.0
"""The published analysis counts the questions over this."""
UNANSWERED = "no question was answered: mend what the failures say"
UNKNOWN = "no adapter latency is known; have questions answered, by agents that send Server-Timing: service;dur=MS"
NEGATIVE = "its agents name service times longer than their round trips: correct what they send in Server-Timing"
MOST = 0.5
SPREAD = "spread"


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
    phases_ms: Mapping[Phase, float] | None = None
    """Mean of each phase, over the same questions as the latencies."""
    suspect: tuple[str, ...] = ()
    """Why the run's own load generator may be what was measured."""
    problems: tuple[str, ...] = ()
    """Each ends in what to do."""
    advice: tuple[Advice, ...] = ()
    """What held the time, and what to change."""

    @property
    def questions_per_connection(self) -> float | None:
        return self.questions / self.connections if self.connections else None

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
    measured = [o for o in run.outcomes if o.status == "ok" and o.adapter_ms is not None]
    adapter_ms = sorted(o.adapter_ms for o in measured if o.adapter_ms is not None)
    statuses = [outcome.status for outcome in run.outcomes]
    problems = [*run.info.get("problems", ()), *_failures(run.outcomes)]
    if not adapter_ms:
        problems.append(UNKNOWN if "ok" in statuses else UNANSWERED)
    elif len(adapter_ms) < len(statuses):
        problems.append(
            f"the latencies are those of {len(adapter_ms)} of {len(statuses)} questions; see questions.csv for the rest"
        )
    negative = [NEGATIVE] if adapter_ms and adapter_ms[0] < 0 else []
    return Summary(
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
        phases_ms=_phases(measured),
        suspect=(*suspicion.reasons(run.info), *negative),
        problems=tuple(problems),
        advice=tuple(advise(run)),
        **_latencies(adapter_ms),
    )


def _latencies(adapter_ms: Sequence[float]) -> dict[str, Any]:
    """The figures of sorted adapter latencies; none where there are none."""
    if not adapter_ms:
        return {}
    return {
        "mean_ms": sum(adapter_ms) / len(adapter_ms),
        "p50_ms": percentile(adapter_ms, 50),
        "p95_ms": percentile(adapter_ms, 95),
        "max_ms": adapter_ms[-1],
        "over_100ms": sum(value > SLOW_MS for value in adapter_ms),
    }


def _failures(outcomes: Sequence[Outcome]) -> list[str]:
    """The kinds of failure, each with how often and an example."""
    by_kind: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.status == "failed":
            by_kind.setdefault(outcome.error_kind or "unexpected", []).append(outcome)
    return [
        f"{len(failed)} of {len(outcomes)} questions failed by {kind}, such as agent {failed[0].agent}'s: "
        f"{failed[0].error}; questions.csv has them all"
        for kind, failed in by_kind.items()
    ]


def _phases(measured: Sequence[Outcome]) -> dict[Phase, float] | None:
    """The mean of each phase; None where they aren't known of all."""
    means: dict[Phase, float] = {}
    for phase in PHASES:
        spent = [getattr(outcome, f"{phase}_ms") for outcome in measured]
        if not spent or None in spent:
            return None
        means[phase] = sum(spent) / len(spent)
    return means


def _work(run: Run) -> str:
    """The same text for the same questions, service times, agents and number of coordinators."""
    questions = sorted({outcome.question_id for outcome in run.outcomes})
    coordinators = len({outcome.coordinator for outcome in run.outcomes})
    scenario = run.scenario
    service = f"seed {scenario.seed}, {scenario.workers.service_time!r}"
    return f"{coordinators} coordinators, {scenario.agent_count} agents, {service}, {questions}"
