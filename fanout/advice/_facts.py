"""What the rules look at."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fanout.outcome import Outcome
from fanout.phases import Phase
from fanout.results import Run

OPENING: tuple[Phase, ...] = ("resolving", "connecting", "tls_handshaking")
"""The phases that opening a connection takes."""
MUCH = 0.2
"""A phase that holds less of the adapter latency than this is not worth a word."""


class Facts:
    """A run, counted the ways that rules ask for. All durations in ms."""

    def __init__(self, run: Run) -> None:
        self.scenario = run.scenario
        self.client = run.scenario.client
        self.info = run.info
        self.outcomes = run.outcomes
        self.cpu_ms = run.cpu_ms
        self.measured = [o for o in run.outcomes if o.status == "ok" and o.adapter_ms and o.blocked_ms is not None]
        """The questions whose phases are known."""

    @property
    def agents(self) -> int:
        return self.scenario.agent_count

    @cached_property
    def coordinators(self) -> Sequence[Mapping[str, Any]]:
        """Those that told what they had counted."""
        return [found for found in self.info.get("coordinators", ()) if found.get("connections")]

    @cached_property
    def opened(self) -> int:
        """Connections, as the coordinators counted them."""
        return sum(found["connections"]["opened"] for found in self.coordinators)

    def of_agent(self, name: str) -> list[int]:
        """A count for each agent, in order, over all coordinators."""
        columns = [[row[name] for row in found["agents"]] for found in self.coordinators]
        return [sum(counts) for counts in zip(*columns, strict=True)]

    def largest_in_a_client(self, name: str) -> int:
        """The largest of a count in one httpx client, to which its limits apply."""
        if self.client.topology == "per_agent":
            return max((row[name] for found in self.coordinators for row in found["agents"]), default=0)
        return max((found["connections"][name] for found in self.coordinators), default=0)

    @property
    def agents_of_a_client(self) -> int:
        """How many agents each httpx client talks to."""
        return self.agents if self.client.topology == "shared" else 1

    @cached_property
    def total_ms(self) -> float:
        return sum(outcome.adapter_ms or 0 for outcome in self.measured)

    def share(self, *phases: Phase) -> float:
        """Of all adapter latency, what these phases hold."""
        return sum(spent(outcome, *phases) for outcome in self.measured) / self.total_ms if self.total_ms else 0.0

    def holding(self, *phases: Phase, over_ms: float = 1.0) -> tuple[list[Outcome], float]:
        """The questions that spent more than `over_ms` in these phases, and their mean there."""
        found = [outcome for outcome in self.measured if spent(outcome, *phases) > over_ms]
        return found, sum(spent(outcome, *phases) for outcome in found) / max(1, len(found))

    @cached_property
    def pauses(self) -> list[tuple[float, Outcome]]:
        """For each question but an agent's first: the seconds since the last answer there, and the question."""
        by_agent: dict[tuple[int, int], list[Outcome]] = defaultdict(list)
        for outcome in sorted(self.outcomes, key=lambda found: found.started or 0):
            by_agent[outcome.coordinator, outcome.agent].append(outcome)
        return [
            ((after.started or 0) - (before.started or 0) - (before.round_trip_ms or 0) / 1000, after)
            for asked in by_agent.values()
            for before, after in itertools.pairwise(asked)
        ]


@dataclass(frozen=True)
class Advice:
    """What one rule has to say of a run."""

    text: str
    share: float = 0.0
    """Of the adapter latency, what it is about; the largest is told first."""
    rule: str = ""
    """The rule's name, which is the same for all runs."""


Rule = Callable[[Facts], Iterator[Advice]]
RULES: list[Rule] = []


def rule(check: Rule) -> Rule:
    """Adds a rule."""
    RULES.append(check)
    return check


def spent(outcome: Outcome, *phases: Phase) -> float:
    """What a question spent in these phases."""
    return sum(getattr(outcome, f"{phase}_ms") or 0 for phase in phases)


def ms(value: float) -> str:
    """A duration as people say it."""
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"
