"""What the rules look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from fanout.phases import Phase
from fanout.runs.questions_csv import MEASURED, OK, held_ms
from fanout.runs.reader import Run
from fanout.runs.schema import CoordinatorInfo, together

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
        self.cpu_ms = run.cpu_ms
        self.asked = run.questions
        self.measured = run.questions.filter(MEASURED & pl.col("blocked_ms").is_not_null())
        """The questions whose phases are known."""

    @property
    def agents(self) -> int:
        return self.scenario.agent_count

    @cached_property
    def _clients(self) -> list[list[int]]:
        """The agents of each client, counted from 0."""
        return self.client.agents_by_client(self.agents)

    @cached_property
    def coordinators(self) -> Sequence[CoordinatorInfo]:
        """Those that said what they had counted."""
        return [found for found in self.info.coordinators if found.connections is not None]

    @cached_property
    def connections(self) -> Mapping[str, int | None]:
        """The counts of all coordinators together; None is: not known."""
        return together([found.connections for found in self.coordinators if found.connections is not None])

    @property
    def opened(self) -> int | None:
        """Connections, as the coordinators counted them; None where it isn't known."""
        return self.connections["opened"]

    def of_agent(self, counter: str) -> list[int] | None:
        """A count for each agent, in order, over all coordinators; None where it isn't known."""
        columns = [[getattr(row, counter) for row in found.agents] for found in self.coordinators]
        if not columns or not all(columns) or any(count is None for column in columns for count in column):
            return None
        return [sum(counts) for counts in zip(*columns, strict=True)]

    def largest_in_a_client(self, counter: str) -> int | None:
        """The largest of a count in one client, to which its limits apply; None where it isn't known.

        At most that much where a client has several agents but not all: each agent's largest is of a moment of its own.
        """
        found = [
            self._in_client(coordinator, agents, counter)
            for coordinator in self.coordinators
            for agents in self._clients
        ]
        known = [count for count in found if count is not None]
        return max(known) if known and len(known) == len(found) else None

    def _in_client(self, coordinator: CoordinatorInfo, agents: Sequence[int], counter: str) -> int | None:
        whole: int | None = getattr(coordinator.connections, counter)
        if len(agents) == self.agents:
            return whole
        if whole is None or not coordinator.agents:
            return None
        parts = [getattr(coordinator.agents[agent], counter) for agent in agents]
        return None if None in parts else min(whole, sum(parts))

    @property
    def agents_of_a_client(self) -> int:
        """How many agents a client talks to, the one that has most."""
        return max(map(len, self._clients))

    @cached_property
    def total_ms(self) -> float:
        return float(self.measured["adapter_ms"].sum())

    def share(self, *phases: Phase) -> float:
        """Of all adapter latency, what these phases hold."""
        return float(self.measured.select(held_ms(*phases).sum()).item()) / self.total_ms if self.total_ms else 0.0

    def holding(self, *phases: Phase, over_ms: float = 1.0) -> tuple[int, float]:
        """How many questions spent more than `over_ms` in these phases, and their mean there."""
        spent = self.measured.select(held_ms(*phases)).to_series()
        found = spent.filter(spent > over_ms)
        return found.len(), float(found.sum()) / max(1, found.len())

    def count(self, which: pl.Expr) -> int:
        """How many of the questions asked are such."""
        return self.asked.filter(which).height

    @cached_property
    def broken(self) -> dict[int, int]:
        """How many of each agent's connections broke without a single answer; no entry where none did."""
        answered = self.asked.filter(OK & pl.col("connection").is_not_null())["connection"]
        lost = self.asked.filter(
            (pl.col("error_kind") == "connection_lost") & ~pl.col("connection").is_in(answered.implode())
        )
        return dict(lost.group_by("agent").agg(pl.col("connection").n_unique()).iter_rows())

    @cached_property
    def pauses(self) -> pl.DataFrame:
        """Every question but an agent's first, with `pause_s`: the seconds since the last answer there."""
        began, took = pl.col("started").fill_null(0), pl.col("round_trip_ms").fill_null(0) / 1000
        since = began - (began + took).shift(1).over("coordinator", "agent")
        return self.asked.sort(began).with_columns(pause_s=since).filter(pl.col("pause_s").is_not_null())


@dataclass(frozen=True)
class Advice:
    """What one rule has to say of a run."""

    text: str
    share: float = 0.0
    """Of the adapter latency, what it is about; the largest is told first."""
    rule: str = ""
    """The rule's name, which is the same for all runs."""


Check = Callable[[Facts], Iterator[Advice]]
RULES: list[Check] = []


def rule(check: Check) -> Check:
    """Adds a rule."""
    RULES.append(check)
    return check
