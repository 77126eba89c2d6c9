"""Runs for tests: directories, and objects as they are read and summarized."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl

from fanout.analysis.compare import Row, compare_with, one_baseline
from fanout.analysis.repeats import gathered
from fanout.analysis.summary import Summary
from fanout.coordinator.snapshot import Snapshot
from fanout.outcome import Outcome
from fanout.phases import PHASES, Phase
from fanout.runs import environment
from fanout.runs.questions_csv import TYPES
from fanout.runs.reader import Run
from fanout.runs.schema import COUNTERS, SCHEMA, QuestionCounts, RunConnections, RunInfo, part_of
from fanout.runs.writer import RunWriter
from helpers.scenarios import scenario_of

AGENTS = 32
CALM = {"cpu_s": 0.1, "wall_s": 10.0, "cpu_share": 0.01, "lag_ms": {"p50": 0.5, "p99": 3.0, "max": 9.0}}
OUTCOMES = [
    Outcome(
        "1",
        1,
        1,
        2,
        "ok",
        round_trip_ms=20.0,
        service_ms=15.0,
        adapter_ms=5.0,
        reused=False,
        connection="1-1",
        in_flight=1,
    ),
    Outcome("2", 1, 1, 1, "failed", "read_timeout", "nothing received for 5 s", round_trip_ms=5000.0, in_flight=2),
]

SNAPSHOT = Snapshot(
    coordinator=1, at_s=10.0, asked=0, due=None, in_flight=0, open=0, in_pool=0, opened=0, reused=0,
    lookups_waiting=0, threads_busy=0, lag_ms=0.5, cpu_s=1.0,
)  # fmt: skip


def question(number: int, *, agent: int | None = None, started: float | None = None, **keys: Any) -> Outcome:
    """An answered question of 8 ms, evenly spread over its phases; given phases are added."""
    phases: dict[Phase, float] = {phase: 0.0 if phase in ("late", "tls_handshaking") else 1.0 for phase in PHASES}
    phases |= {phase: float(keys.pop(phase)) for phase in PHASES if phase in keys}
    adapter_ms = sum(phases.values())
    outcome = Outcome(
        str(number), 1, 1, agent or number % AGENTS + 1, "ok", started=number / 10 if started is None else started,
        round_trip_ms=adapter_ms + 100, service_ms=100.0, adapter_ms=adapter_ms, reused=True,
    )  # fmt: skip
    return replace(outcome, phases_ms=phases, **keys)


def coordinator(*, agents: int = AGENTS, each: dict[str, int] | None = None, **keys: Any) -> dict[str, Any]:
    """A coordinator's final report; `each` are the counts of every agent."""
    counts = {**dict.fromkeys(COUNTERS, 0), "opened": 1, **(each or {})}
    whole = {name: value * (1 if name.startswith("max") else agents) for name, value in counts.items()}
    return {
        "coordinator": 1,
        "connections": {**whole, "max_in_flight": agents, "max_in_pool": agents, **keys.pop("connections", {})},
        "agents": [{"agent": number, **counts} for number in range(1, agents + 1)],
        "lookups": {"count": 0, "queued_ms": None, "took_ms": None},
        "executor": {"threads": 24, "blocking_calls": 0, "max_busy_threads": 0},
        "loop_health": CALM,
        **keys,
    }


def frame_of(outcomes: Iterable[Outcome]) -> pl.DataFrame:
    """The outcomes, as the table of a run."""
    return pl.DataFrame([outcome.to_json() for outcome in outcomes], schema=TYPES)


def outcomes_of(run: Run) -> list[Outcome]:
    """The outcomes of a run."""
    return [Outcome.from_json(row) for row in run.questions.iter_rows(named=True)]


def info_of(**keys: Any) -> RunInfo:
    """The run.json of a finished run, with these keys."""
    return part_of(RunInfo, {"schema": SCHEMA, "ended": 1.0, "ended_by": "rounds_done", "problems": [], **keys})


def run_of(adapters: list[float | None], *, failed: int = 0, info: dict[str, Any] | None = None, **keys: Any) -> Run:
    ok = [Outcome(str(n), 1, 1, 1, "ok", adapter_ms=value) for n, value in enumerate(adapters)]
    bad = [Outcome(f"f{n}", 1, 1, 1, "failed", "deadline", "late", adapter_ms=9e9) for n in range(failed)]
    known = {"connections": {"opened": 2}, "questions": {"dispatched": len(ok) + len(bad)}, **(info or {})}
    return Run(Path("results/x"), scenario_of(**keys), info_of(**known), frame_of([*ok, *bad]))


_revision = functools.cache(environment.git)
"""Asked once, since git takes longer than most tests."""


def written(directory: Path, outcomes: list[Outcome] = OUTCOMES, **keys: Any) -> Path:
    """A finished run directory."""
    directory.mkdir(parents=True, exist_ok=True)
    with mock.patch.object(environment, "git", _revision):
        writer = RunWriter(directory, scenario_of(**keys))
        for outcome in outcomes:
            writer.add(outcome)
        asked, connections = QuestionCounts(dispatched=len(outcomes)), RunConnections(opened=1)
        end = replace(writer.begun, ended_by="rounds_done", questions=asked, connections=connections, problems=())
        writer.finish(end)
    return directory


def row(name: str, mean_ms: float | None = 10.0, **keys: Any) -> Summary:
    return Summary(
        **{
            **{
                "name": name,
                "source": f"results/{name}",
                "protocol": "a2a",
                "agents": 4,
                "questions": 8,
                "failed": 0,
            },
            "mean_ms": mean_ms,
            **keys,
        }
    )


def compared(rows: Sequence[Summary], base: int = 0) -> list[Row]:
    """The rows, of which the first `base` are the baseline of all."""
    repeats = gathered(rows)
    return compare_with(repeats, one_baseline(repeats, repeats[:base]) if base else [None] * len(repeats))
