"""The figures of a run in progress: what the questions took, what the coordinators were doing, and which agents lag."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from fanout.coordinator.snapshot import Snapshot
from fanout.outcome import Outcome
from fanout.phases import LATE_MS, PHASES
from fanout.web.buckets import Buckets

MOST_BUCKETS = 600
MOST_COLUMNS = 120
"""The most columns of the heat strip."""
MOST_GROUPS = 64
"""The most rows of the heat strip. More agents share rows."""
STEPS_PER_E = 50
"""A latency is known to 1/50 of it in percentiles."""
GAUGES = ("open", "in_pool", "in_flight", "lookups_waiting", "threads_busy")
"""The numbers in a snapshot that are about its moment. Those of several coordinators are added."""
COUNTERS = ("opened", "reused", "asked", "due")
"""The numbers in a snapshot that only grow."""


@dataclass
class Bucket:
    """The figures of one interval."""

    ok: int = 0
    failed: int = 0
    phases_ms: list[float] = field(default_factory=lambda: [0.0] * len(PHASES))
    """The sum over the answered questions whose phases are known, by phase."""
    phased: list[int] = field(default_factory=lambda: [0] * len(PHASES))
    """The number of those questions, by phase."""
    gauges: dict[str, int] = field(default_factory=dict)
    """The largest value of each of GAUGES; empty without a snapshot."""
    counts: dict[str, float] = field(default_factory=dict)
    """By how much each of COUNTERS has grown; a missing one is unknown."""
    lag_ms: float | None = None
    cpu_shares: float = 0.0
    """The sum over so many readings."""
    cpu_readings: int = 0

    def merge(self, later: Self) -> None:
        self.ok += later.ok
        self.failed += later.failed
        self.phases_ms = [one + other for one, other in zip(self.phases_ms, later.phases_ms, strict=True)]
        self.phased = [one + other for one, other in zip(self.phased, later.phased, strict=True)]
        for name, value in later.gauges.items():
            self.gauges[name] = max(self.gauges.get(name, 0), value)
        for name, increase in later.counts.items():
            self.counts[name] = self.counts.get(name, 0.0) + increase
        self.lag_ms = _largest(self.lag_ms, later.lag_ms)
        self.cpu_shares += later.cpu_shares
        self.cpu_readings += later.cpu_readings


@dataclass
class HeatColumn:
    """The latencies of each group of agents in one interval."""

    sums_ms: list[float]
    counts: list[int]

    def merge(self, later: Self) -> None:
        self.sums_ms = [one + other for one, other in zip(self.sums_ms, later.sums_ms, strict=True)]
        self.counts = [one + other for one, other in zip(self.counts, later.counts, strict=True)]

    @property
    def means_ms(self) -> list[float | None]:
        return [sum_ms / count if count else None for sum_ms, count in zip(self.sums_ms, self.counts, strict=True)]


class Figures:
    """The figures of some coordinators of a run, in bounded memory. All times are seconds since the run began."""

    def __init__(self, agents: int) -> None:
        self.status: Counter[str] = Counter()
        self.late = 0
        """The questions that started more than LATE_MS after their intended start."""
        self.buckets = Buckets(Bucket, MOST_BUCKETS, 1.0)
        self._per_group = math.ceil(agents / MOST_GROUPS)
        """The agents that share a row of the heat strip."""
        self.groups = _groups(agents, self._per_group)
        self.heat = Buckets(lambda: HeatColumn([0.0] * len(self.groups), [0] * len(self.groups)), MOST_COLUMNS, 1.0)
        self._latencies: Counter[int] = Counter()
        """How many latencies are in each step of a logarithmic scale."""
        self._sum_ms = 0.0
        self._known = 0
        self.latest: dict[int, Snapshot] = {}
        """The last snapshot of each coordinator."""
        self._latest_s: dict[int, float] = {}
        """When it arrived."""
        self._sums: dict[str, int] = {}
        """The sums over the last snapshots of all coordinators."""
        self._cpu_share: dict[int, float] = {}
        self._cpu_total = 0.0
        self._at_work: set[int] = set()
        self._most_coordinators = 0

    def add(self, outcome: Outcome, elapsed_s: float) -> None:
        bucket = self.buckets.at(elapsed_s)
        self.status[outcome.status] += 1
        spent = outcome.phases_ms
        if spent is not None and spent.get("late", 0.0) > LATE_MS:
            self.late += 1
        if outcome.status != "ok":
            bucket.failed += outcome.status == "failed"
            return
        bucket.ok += 1
        if spent is not None:
            for number, phase in enumerate(PHASES):
                if phase in spent:
                    bucket.phased[number] += 1
                    bucket.phases_ms[number] += spent[phase]
        latency_ms = outcome.round_trip_ms if outcome.adapter_ms is None else outcome.adapter_ms
        if latency_ms is not None:
            self._note_latency(outcome.agent, latency_ms, elapsed_s)

    def _note_latency(self, agent: int, latency_ms: float, elapsed_s: float) -> None:
        column, group = self.heat.at(elapsed_s), (agent - 1) // self._per_group
        column.sums_ms[group] += latency_ms
        column.counts[group] += 1
        self._latencies[round(math.log(max(latency_ms, 0.001)) * STEPS_PER_E)] += 1
        self._sum_ms += latency_ms
        self._known += 1

    def note(self, snapshot: Snapshot, elapsed_s: float) -> None:
        """Takes what a coordinator is doing."""
        number = snapshot.coordinator
        before, before_s = self.latest.get(number), self._latest_s.get(number, elapsed_s)
        self.latest[number], self._latest_s[number] = snapshot, elapsed_s
        over = self.buckets.over(before_s, elapsed_s)
        for name in (*GAUGES, *COUNTERS):
            now = getattr(snapshot, name)
            if now is None:
                continue
            increase = now - ((before and getattr(before, name)) or 0)
            self._sums[name] = self._sums.get(name, 0) + increase
            if name in COUNTERS:
                for bucket, share in over:
                    bucket.counts[name] = bucket.counts.get(name, 0.0) + share * increase
        self._note_moment(snapshot, before, self.buckets.at(elapsed_s))

    def _note_moment(self, snapshot: Snapshot, before: Snapshot | None, bucket: Bucket) -> None:
        for name in GAUGES:
            bucket.gauges[name] = max(bucket.gauges.get(name, 0), self._sums[name])
        bucket.lag_ms = _largest(bucket.lag_ms, snapshot.lag_ms)
        if snapshot.is_last:
            self._at_work.discard(snapshot.coordinator)
        else:
            self._at_work.add(snapshot.coordinator)
        self._most_coordinators = max(self._most_coordinators, len(self._at_work))
        self._cpu_total -= self._cpu_share.pop(snapshot.coordinator, 0.0)
        if before is not None and not snapshot.is_last and snapshot.at_s > before.at_s:
            share = max((snapshot.cpu_s - before.cpu_s) / (snapshot.at_s - before.at_s), 0.0)
            self._cpu_share[snapshot.coordinator] = share
            self._cpu_total += share
        if self._cpu_share:
            bucket.cpu_shares += self._cpu_total
            bucket.cpu_readings += 1

    def now(self, name: str) -> int | None:
        """The sum of a number over the last snapshots of all coordinators; None if it is unknown."""
        return self._sums.get(name)

    @property
    def coordinators(self) -> int:
        """How many are at work; after the end, how many were at most."""
        return len(self._at_work) or self._most_coordinators

    @property
    def mean_ms(self) -> float | None:
        return self._sum_ms / self._known if self._known else None

    @property
    def p95_ms(self) -> float | None:
        """The 95th percentile, to 2 %."""
        left = 0.05 * self._known
        for step in sorted(self._latencies, reverse=True):
            left -= self._latencies[step]
            if left < 0:
                return math.exp(step / STEPS_PER_E)
        return None


def _largest(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)


def _groups(agents: int, per_group: int) -> Sequence[str]:
    """The names of the groups: the numbers of their agents."""
    firsts = range(1, agents + 1, per_group)
    return [str(first) if per_group == 1 else f"{first}–{min(first + per_group - 1, agents)}" for first in firsts]
