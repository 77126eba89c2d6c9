"""The figures of a run that the rules need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from urllib.parse import urlsplit

import polars as pl

from fanout.analysis.load_generator_health import is_saturated, saturation
from fanout.phases import PHASES, Phase, column_of
from fanout.runs.questions_csv import BEGAN, ENDED, OK, held_ms
from fanout.runs.reader import Run
from fanout.runs.schema import ClientInfo, CoordinatorInfo, together
from fanout.scenario import is_ip_address, origin_of

OPENING: tuple[Phase, ...] = ("resolving", "connecting", "tls_handshaking")
"""The phases that opening a connection takes."""
MOST_IN_A_POOL = 128
"""With more connections, the passes over a pool cost more than clients for each agent; see docs/scaling.md."""
MUCH = 0.2
"""The least share of the adapter latency that makes a phase worth advice."""
_SURE = pl.col("service_ms").is_not_null() & (pl.col("waiting_ms") >= 0) & (pl.col("sending_ms") >= 0)
"""Whether a question's service time is known and possible, and with it the time that it waited beyond that."""


def _measured(questions: pl.DataFrame) -> pl.LazyFrame:
    known = questions.lazy().filter(OK & pl.col("blocked_ms").is_not_null())
    return known.with_columns(
        raw_waiting_ms="waiting_ms",
        waiting_ms=pl.when(_SURE).then("waiting_ms"),
        sending_ms=pl.when(pl.col("sending_ms") >= 0).then("sending_ms"),
    ).with_columns(overhead_ms=held_ms(*PHASES))


def _spent_ms(rows: pl.LazyFrame | pl.DataFrame, phases: Sequence[Phase]) -> dict[Phase, float]:
    sums = rows.lazy().select(pl.col(list(map(column_of, phases))).sum()).collect().row(0)
    return dict(zip(phases, sums, strict=True))


def agents_of(rows: pl.DataFrame) -> list[int]:
    """The agents of these questions, each once and in order."""
    return rows["agent"].unique().sort().to_list()


def in_progress(began: pl.Series, ended: pl.Series, at: pl.Series) -> pl.Series:
    """How many of the intervals from `began` to `ended` include each moment of `at`; all in seconds."""
    begun, over = (times.sort().search_sorted(at, side="right").cast(pl.Int64) for times in (began, ended))
    return begun - over


class Figures:
    """A run and its figures. All durations are in ms."""

    def __init__(self, run: Run) -> None:
        self.scenario = run.scenario
        self.client = (run.info.client or ClientInfo()).in_effect(run.scenario.client)
        self.info = run.info
        self.cpu_ms = run.cpu_ms
        self.asked = run.questions.with_row_index("row")
        self.failed = self.asked.filter(pl.col("status") == "failed")
        self.measured = _measured(self.asked)
        """The answered questions whose phases are known, with `overhead_ms`. There may be millions, so it is lazy.

        Where an agent doesn't report its service time, or reports an impossible one, `waiting_ms` is null, since nobody
        can tell how much of it was service time. The overhead then leaves waiting out. `raw_waiting_ms` is as recorded.
        """

    @cached_property
    def is_saturated(self) -> bool:
        """Whether a coordinator's own work was too much for it."""
        return any(map(is_saturated, self.coordinators))

    @cached_property
    def is_late(self) -> bool:
        """Whether a coordinator's event loop was late, for whatever reason, which makes all phases look longer."""
        return any(next(saturation(found), None) is not None for found in self.coordinators)

    @cached_property
    def has_impossible(self) -> bool:
        """Whether an agent reported a service time longer than its round trip, which makes latencies doubtful."""
        return bool((self.asked["adapter_ms"] < 0).any())

    @property
    def agents(self) -> int:
        return self.scenario.agent_count

    @cached_property
    def clients(self) -> list[list[int]]:
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
            for agents in self.clients
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
        return max(map(len, self.clients))

    @cached_property
    def origins(self) -> list[str]:
        """Scheme, host and port of each agent. Agents at the same origin share connections."""
        if len(self.info.agents) != self.agents:  # they are unknown
            return [str(agent) for agent in range(self.agents)]
        return [origin_of(address) for address in self.info.agents]

    @cached_property
    def share_origins(self) -> bool:
        """Whether any agents are at the same origin."""
        return len(set(self.origins)) < self.agents

    @property
    def origin(self) -> pl.Expr:
        """What tells a question's origin from the others: its agent, unless agents share origins."""
        agent = pl.col("agent")
        if not self.share_origins:
            return agent
        return agent.replace_strict(dict(enumerate(self.origins, 1)), return_dtype=pl.String)

    @cached_property
    def connections_wanted(self) -> int:
        """How many connections the client with the most agents has to keep, so that no question needs a new one."""
        return max(map(self.wanted_by, self.clients))

    def wanted_by(self, agents: Sequence[int]) -> int:
        """How many connections a client of these agents has to keep: one for each question in flight at an origin."""
        in_flight = self.connections["max_in_flight"] if self.coordinators else None
        at_origins = Counter(self.origins[agent] for agent in agents).values()
        wanted = [count * self.scenario.dispatch.per_agent for count in at_origins]
        return sum(count if in_flight is None else max(1, min(count, in_flight)) for count in wanted)

    @cached_property
    def measured_count(self) -> int:
        return int(self.measured.select(pl.len()).collect().item())

    @cached_property
    def total_ms(self) -> float:
        """The overhead of all measured questions together."""
        return sum(self._all_ms.values())

    @property
    def mean_latency_ms(self) -> float | None:
        """The mean overhead of a measured question; None if there is none."""
        return self.total_ms / self.measured_count if self.measured_count else None

    @cached_property
    def _all_ms(self) -> dict[Phase, float]:
        """The time of all measured questions together, by phase."""
        return _spent_ms(self.measured, PHASES)

    def spent_ms(self, *phases: Phase, of: pl.LazyFrame | pl.DataFrame | None = None) -> dict[Phase, float]:
        """The time that these questions together, by default all measured ones, spent in each of these phases."""
        return {phase: self._all_ms[phase] for phase in phases} if of is None else _spent_ms(of, phases)

    def share(self, *phases: Phase) -> float:
        """The share of all adapter latency that these phases hold."""
        return sum(self.spent_ms(*phases).values()) / self.total_ms if self.total_ms else 0.0

    def mean_ms(self, *phases: Phase) -> float:
        """The time in these phases, averaged over all questions."""
        return sum(self.spent_ms(*phases).values()) / max(1, self.measured_count)

    def reopening_ms(self, *phases: Phase) -> float:
        """The time in these phases of opening connections, without each agent's first question, averaged over all.

        Keeping connections open would save this time.
        """
        spent = pl.when(~pl.col("reused")).then(held_ms(*phases)).otherwise(0.0)
        first = pl.coalesce(spent.get(BEGAN.arg_min()), spent.first())
        by_agent = self.measured.group_by("coordinator", "agent").agg(later=spent.sum() - first)
        return float(by_agent.select(pl.col("later").sum()).collect().item()) / max(1, self.measured_count)

    def holding(self, *phases: Phase, over_ms: float = 1.0) -> tuple[int, float]:
        """How many questions spent more than `over_ms` in these phases, and how long on average."""
        spent = held_ms(*phases)
        found = self.measured.select(spent.alias("ms")).filter(pl.col("ms") > over_ms)
        count, total_ms = found.select(pl.len(), pl.col("ms").sum()).collect().row(0)
        return count, total_ms / max(1, count)

    @property
    def kept_for(self) -> str:
        """How long the client keeps an idle connection, in words."""
        expiry_s = self.client.limits.keepalive_expiry_s
        return "forever" if expiry_s is None else f"for {expiry_s:g} s"

    @cached_property
    def agents_close_after_s(self) -> float | None:
        """How long the agents keep an idle connection; None if forever, or unknown.

        It is known of agents that are started here. Of others it is at most the shortest pause after which a question
        was lost.
        """
        started_here = [float(fault.idle_s) for fault in self.scenario.workers.faults if hasattr(fault, "idle_s")]
        if started_here:
            return min(started_here)
        lost = self.pauses.filter((pl.col("error_kind") == "connection_lost") & pl.col("reused"))
        shortest_s: float | None = lost.select(pl.col("pause_s").min()).collect().item()
        return shortest_s

    @cached_property
    def worst_lag_ms(self) -> float:
        """How late any coordinator's event loop ran a timer at worst; 0 if unknown."""
        lags = [found.loop_health.lag_ms for found in self.coordinators if found.loop_health is not None]
        return max((lag.max for lag in lags if lag is not None and lag.max is not None), default=0.0)

    @cached_property
    def is_by_name(self) -> bool:
        """Whether any agent is reached by a host name, which needs a lookup."""
        return not all(is_ip_address(urlsplit(agent).hostname or "") for agent in self.info.agents)

    @cached_property
    def broken(self) -> dict[int, int]:
        """How many of each agent's connections broke without a single answer; agents without any have no entry."""
        lost = self.failed.filter(pl.col("error_kind") == "connection_lost")
        if lost.is_empty():
            return {}
        at_risk = OK & pl.col("connection").is_in(lost["connection"].unique().implode())
        answered = self.asked.select(pl.col("connection").filter(at_risk).unique()).to_series()
        broke = lost.filter(~pl.col("connection").is_in(answered.implode()))
        return dict(broke.group_by("agent").agg(pl.col("connection").n_unique()).iter_rows())

    @cached_property
    def pauses(self) -> pl.LazyFrame:
        """Every question but each origin's first, with `pause_s`: the seconds since that origin's last answer."""
        began, ended = BEGAN.fill_null(0), pl.max_horizontal(ENDED.fill_null(0), BEGAN.fill_null(0))
        times = self.asked.select("coordinator", origin=self.origin, began=began, ended=ended)
        before = pl.col("ended").shift(1).over("coordinator", "origin", order_by="began")
        pause_s = times.select(pause_s=pl.col("began") - before).to_series()
        return self.asked.lazy().with_columns(pause_s).filter(pl.col("pause_s").is_not_null())
