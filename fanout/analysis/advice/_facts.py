"""The input and the output of the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from fanout.phases import Phase
from fanout.runs.questions_csv import MEASURED, OK, held_ms
from fanout.runs.reader import Run
from fanout.runs.schema import CoordinatorInfo, together
from fanout.text import format_ms

OPENING: tuple[Phase, ...] = ("resolving", "connecting", "tls_handshaking")
"""The phases that opening a connection takes."""
MUCH = 0.2
"""The least share of the adapter latency that makes a phase worth advice."""


class Facts:
    """A run and the figures that the rules need. All durations are in ms."""

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
        """The coordinators that reported their counts."""
        return [found for found in self.info.coordinators if found.connections is not None]

    @cached_property
    def connections(self) -> Mapping[str, int | None]:
        """The counts of all coordinators together; None means unknown."""
        return together([found.connections for found in self.coordinators if found.connections is not None])

    @property
    def opened(self) -> int | None:
        """How many connections the coordinators opened; None means unknown."""
        return self.connections["opened"]

    def of_agent(self, counter: str) -> list[int] | None:
        """A count for each agent, in order, summed over all coordinators; None means unknown."""
        columns = [[getattr(row, counter) for row in found.agents] for found in self.coordinators]
        if not columns or not all(columns) or any(count is None for column in columns for count in column):
            return None
        return [sum(counts) for counts in zip(*columns, strict=True)]

    def largest_in_a_client(self, counter: str) -> int | None:
        """The largest value of a count in any one client, since limits apply to a client; None means unknown.

        Where a client has several agents but not all, this is an upper bound: the agents may have had their maxima at
        different moments.
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
        """How many agents the client with the most agents talks to."""
        return max(map(len, self._clients))

    @cached_property
    def total_ms(self) -> float:
        """The adapter latency of all questions together."""
        return float(self.measured["adapter_ms"].sum())

    def share(self, *phases: Phase) -> float:
        """The share of all adapter latency that these phases hold."""
        return float(self.measured.select(held_ms(*phases).sum()).item()) / self.total_ms if self.total_ms else 0.0

    def mean_ms(self, *phases: Phase) -> float:
        """The time in these phases, averaged over all questions."""
        return self.share(*phases) * self.total_ms / max(1, self.measured.height)

    def reopening_ms(self) -> float:
        """The time spent on opening connections, without each agent's first question, averaged over all questions.

        Keeping connections open would save this time.
        """
        agent = ["coordinator", "agent"]
        later = self.measured.sort("started").filter(pl.int_range(pl.len()).over(agent) > 0)
        spent = later.filter(~pl.col("reused")).select(held_ms(*OPENING).sum()).item()
        return float(spent) / max(1, self.measured.height)

    def holding(self, *phases: Phase, over_ms: float = 1.0) -> tuple[int, float]:
        """How many questions spent more than `over_ms` in these phases, and how long on average."""
        spent = self.measured.select(held_ms(*phases)).to_series()
        found = spent.filter(spent > over_ms)
        return found.len(), float(found.sum()) / max(1, found.len())

    def count(self, which: pl.Expr) -> int:
        """How many of all questions match."""
        return self.asked.filter(which).height

    @cached_property
    def broken(self) -> dict[int, int]:
        """How many of each agent's connections broke without a single answer; agents without any have no entry."""
        answered = self.asked.filter(OK & pl.col("connection").is_not_null())["connection"]
        lost = self.asked.filter(
            (pl.col("error_kind") == "connection_lost") & ~pl.col("connection").is_in(answered.implode())
        )
        return dict(lost.group_by("agent").agg(pl.col("connection").n_unique()).iter_rows())

    @cached_property
    def pauses(self) -> pl.DataFrame:
        """Every question but each agent's first, with `pause_s`: the seconds since that agent's last answer."""
        began, took = pl.col("started").fill_null(0), pl.col("round_trip_ms").fill_null(0) / 1000
        since = began - (began + took).shift(1).over("coordinator", "agent")
        return self.asked.sort(began).with_columns(pause_s=since).filter(pl.col("pause_s").is_not_null())


@dataclass(frozen=True)
class Advice:
    """What one rule found in a run, and what to change."""

    finding: str
    """What was measured, and why."""
    remedy: str
    """What to do, with the keys of the scenario to set."""
    keys: tuple[str, ...] = ()
    """The keys that the remedy names. Each is an alternative unless the remedy says otherwise."""
    share: float = 0.0
    """The share of the adapter latency that the finding explains; advice is sorted by it."""
    saves_ms: float | None = None
    """By how much the mean adapter latency should fall; None if the run doesn't show it."""
    mean_ms: float | None = None
    """The run's mean adapter latency, of which `saves_ms` is a part."""
    rule: str = ""
    """The name of the rule that gave the advice."""

    @property
    def text(self) -> str:
        """The advice as one line."""
        if self.saves_ms is None or self.mean_ms is None:
            return f"{self.finding}: {self.remedy}"
        return (
            f"{self.finding}: {self.remedy} (saves about {format_ms(self.saves_ms)} of {format_ms(self.mean_ms)} a "
            "question)"
        )


Check = Callable[[Facts], Iterator[Advice]]
RULES: list[Check] = []


def rule(check: Check) -> Check:
    RULES.append(check)
    return check
