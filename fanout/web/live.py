"""A run in progress, as the live page shows it."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fanout.coordinator.executors import threads_of
from fanout.coordinator.snapshot import Snapshot
from fanout.json_object import JsonObject
from fanout.outcome import STATUSES, Outcome
from fanout.phases import PHASES
from fanout.runs.schema import CoordinatorInfo, FormInfo, RunConnections, RunInfo, together
from fanout.scenario import Limits, Scenario
from fanout.web.buckets import Buckets
from fanout.web.figures import COUNTERS, GAUGES, Bucket, Figures, HeatColumn

ALL = "all"
MOST_VIEWS = 64
"""The most Locust workers that have figures of their own."""
MAY_GROW = 2
"""How many of the last buckets may still grow: a snapshot covers the time since the previous one."""
MAX_DIGITS = 6
"""More than any number of buckets has."""
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class About:
    """What a run was started with."""

    id: str | None
    """The run's name in the list of runs; None if it isn't in the list."""
    scenario: Scenario
    question: str
    """What the scenario asks."""
    form: FormInfo
    """What a form asked for; for a run of the command line, what that asked for."""
    until: str
    """When it ends, in words."""
    against: str | None
    """The id of the run to compare it with."""
    is_here: bool = True
    """Whether the coordinators run on this machine, whose CPUs decide how many threads an executor has."""

    def to_json(self, coordinators: int) -> JsonObject:
        scenario, client = self.scenario, self.scenario.client
        clients = len(client.agents_by_client(scenario.agent_count)) * coordinators if client.is_kept else None
        return {
            "id": self.id,
            "name": scenario.name,
            "question": self.question,
            "agents": scenario.agent_count,
            "topology": client.topology,
            "clients": clients,
            "limits": {name: getattr(client.limits, name) for name in Limits.model_fields},  # None means unlimited
            "threads": threads_of(scenario.coordinator) * coordinators if self.is_here else None,
            "changes": dict(self.form.settings),
            "until": self.until,
            "users": coordinators,
            "has_arrivals": scenario.arrivals is not None,
            "against": None if self.against is None else {"id": self.against, "label": self.against},
        }


class LiveRun:
    """Takes what happens in a run, and keeps its figures after the end. The memory that it uses is bounded."""

    def __init__(self, about: About, directory: Path, begun: RunInfo, planned: Callable[[], int]) -> None:
        """`begun` is what run.json can say when the agents are ready; `planned` returns how many questions to ask."""
        self.about = about
        self.directory = directory
        self.is_complete = False
        """Whether its directory is, or never will be."""
        self.warning: str | None = None
        """What is wrong with the run at this moment."""
        self.is_cut_short = False
        """Whether it was stopped before its planned end."""
        self._planned = planned
        self._begun = begun
        self._number = next(_NUMBERS)
        self._start_s = time.monotonic()
        self._end_s: float | None = None
        agents = about.scenario.agent_count
        self._views = {ALL: Figures(agents)}
        self._counters: dict[int, CoordinatorInfo] = {}
        """The counters that each coordinator has reported last."""
        self._written: dict[int, JsonObject] = {}
        """The same as JSON: to make it takes 8 ms with 512 agents, and would block this process if made for all."""

    @property
    def elapsed_s(self) -> float:
        return (self._end_s or time.monotonic()) - self._start_s

    def stop(self) -> None:
        """Keeps the figures as they are."""
        planned = self._planned()
        self._planned = lambda: planned  # and not the run, which is no longer needed
        self._end_s = time.monotonic()
        self.warning = None  # the result of the run tells it

    @property
    def has_questions(self) -> bool:
        """Whether any question has ended."""
        return bool(self._views[ALL].status)

    def add(self, outcome: Outcome) -> None:
        for figures in self._figures(outcome.locust_worker):
            figures.add(outcome, self.elapsed_s)

    def note(self, snapshot: Snapshot, worker: int | None = None) -> None:
        """Takes what a coordinator is doing; `worker` is the Locust worker that runs it, if there are any."""
        for figures in self._figures(worker):
            figures.note(snapshot, self.elapsed_s)

    def note_counters(self, info: CoordinatorInfo) -> None:
        self._counters[info.coordinator] = info
        self._written[info.coordinator] = asdict(info)

    def note_lost(self, worker: int) -> None:
        """Takes that a Locust worker is lost, and with it what its coordinators were doing."""
        if str(worker) in self._views:
            for snapshot in list(self._views[str(worker)].latest.values()):
                self.note(snapshot.at_rest, worker)

    def _figures(self, worker: int | None) -> Sequence[Figures]:
        """The figures that concern a Locust worker, or a run without workers."""
        if worker is None:
            return [self._views[ALL]]
        if str(worker) not in self._views and len(self._views) <= MOST_VIEWS:
            self._views[str(worker)] = Figures(self.about.scenario.agent_count)
        return [self._views[name] for name in (ALL, str(worker)) if name in self._views]

    def info_so_far(self) -> JsonObject:
        """What run.json would have to say now."""
        counted = [info.connections for info in self._counters.values() if info.connections is not None]
        connections = RunConnections(**together(counted))
        written = [self._written[number] for number in sorted(self._written)]
        return {**replace(self._begun, connections=connections).to_json(), "coordinators": written}

    def to_json(self, view: str, since: str) -> JsonObject:
        """The figures of a view; of its buckets, only those that have changed since the answer with the token `since`.

        An unknown view is the one of all workers, and an unknown token means from the beginning.
        """
        view = view if view in self._views else ALL
        figures = self._views[view]
        for buckets in (figures.buckets, figures.heat):
            buckets.at(self.elapsed_s)  # up to now, whether or not something has happened
        shape = (self._number, view, figures.buckets.merges, figures.heat.merges)
        lengths = (len(figures.buckets.all), len(figures.heat.all))
        known = _known(since, shape, lengths)
        everything = self._views[ALL]
        return {
            "run": {
                **self.about.to_json(max(everything.coordinators, 1)),
                "elapsed_s": self.elapsed_s,
                "is_cut_short": self.is_cut_short,
            },
            "views": [{"key": name, "label": _label(name)} for name in sorted(self._views, key=_order)],
            "view": view,
            "totals": self._totals(figures),
            "since": _token(shape, lengths),
            "series": _series(figures.buckets, known[0]),
            "heat": {**_heat(figures.heat, known[1]), "groups": list(figures.groups)},
        }

    def _totals(self, figures: Figures) -> JsonObject:
        has_arrivals = self.about.scenario.arrivals is not None
        is_planned = self.about.form.is_one_round and figures is self._views[ALL]
        return {
            **{status: figures.status[status] for status in STATUSES},
            "planned": self._planned() if is_planned else None,
            "mean_ms": _rounded(figures.mean_ms),
            "p95_ms": _rounded(figures.p95_ms),
            **{name: figures.now(name) for name in ("open", "in_flight", "opened", "reused", "due")},
            "started": figures.now("asked"),
            "late": figures.late if has_arrivals else None,
        }


def _label(view: str) -> str:
    return "all Locust workers together" if view == ALL else f"Locust worker {view}"


def _order(view: str) -> int:
    return 0 if view == ALL else int(view)


def _token(shape: Sequence[Any], lengths: Sequence[int]) -> str:
    return ".".join(map(str, (*shape, *lengths)))


def _known(since: str, shape: Sequence[Any], lengths: tuple[int, int]) -> list[int]:
    """How many buckets and columns of this shape the holder of a token has whole.

    `lengths` are the numbers of buckets and columns that there are.
    """
    *before, buckets, columns = ["", "", *since.split(".")]
    if before[2:] != list(map(str, shape)):
        return [0, 0]
    return [_whole(text, length) for text, length in zip((buckets, columns), lengths, strict=True)]


def _whole(text: str, length: int) -> int:
    count = int(text) if text.isascii() and text.isdecimal() and len(text) < MAX_DIGITS else 0
    return max(count - MAY_GROW, 0) if count <= length else 0


def _series(buckets: Buckets[Bucket], first: int) -> JsonObject:
    fresh = buckets.all[first:]
    columns: dict[str, list[float | None]] = {
        "questions": [bucket.ok + bucket.failed for bucket in fresh],
        "failed": [bucket.failed for bucket in fresh],
        "lag_ms": [_rounded(bucket.lag_ms) for bucket in fresh],
        "cpu_share": [_rounded(bucket.cpu_shares, bucket.cpu_readings) for bucket in fresh],
    }
    for number, phase in enumerate(PHASES):
        columns[phase] = [_rounded(bucket.phases_ms[number], bucket.phased[number]) for bucket in fresh]
    for name in GAUGES:
        columns[name] = [bucket.gauges.get(name) for bucket in fresh]
    for name in COUNTERS:
        columns[name] = [_rounded(bucket.counts.get(name)) for bucket in fresh]
    columns["started"] = columns.pop("asked")
    return {"width_s": buckets.width_s, "first": first, "total": len(buckets.all), "columns": columns}


def _heat(columns: Buckets[HeatColumn], first: int) -> JsonObject:
    cells = [[_rounded(mean_ms) for mean_ms in column.means_ms] for column in columns.all[first:]]
    return {"width_s": columns.width_s, "first": first, "total": len(columns.all), "cells": cells}


def _rounded(value: float | None, count: int = 1) -> float | None:
    """The mean of a sum over `count` values, as exact as a chart can show; None if there is no value."""
    if value is None or not count:
        return None
    mean = value / count
    return round(mean, 3) if math.isfinite(mean) else None
