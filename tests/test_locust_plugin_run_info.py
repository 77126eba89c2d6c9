from __future__ import annotations

from dataclasses import replace

from fanout.locust_plugin.run_end import RunEnd
from fanout.locust_plugin.run_info import run_info
from fanout.runs.schema import (
    SCHEMA,
    ClientInfo,
    ConnectionCounts,
    CoordinatorInfo,
    LoadShares,
    QuestionCounts,
    RunInfo,
    WorkerInfo,
)

BEGUN = RunInfo(SCHEMA, scenario="small", seed=1, started=99.0)
END = RunEnd(
    began=100.0,
    ended_by="stopped",
    planned=12,
    ended={"ok": 8, "failed": 1},
    coordinators=(
        CoordinatorInfo(1, asked=5, connections=ConnectionCounts(opened=2, max_in_pool=2)),
        CoordinatorInfo(2, asked=4, connections=ConnectionCounts(opened=1, max_in_pool=1)),
    ),
    client=ClientInfo("shared"),
    addresses=("http://localhost:1", "http://localhost:2"),
    workers=(WorkerInfo(1, accepted=2, served=5), WorkerInfo(2, accepted=1, served=4)),
    machine_load=LoadShares(0.5, 0.0),
)


def test_the_facts_at_the_end_complete_those_at_the_start() -> None:
    info = run_info(BEGUN, END)
    assert (info.scenario, info.seed, info.started, info.ended_by) == ("small", 1, 99.0, "stopped")
    assert info.questions == QuestionCounts(planned=12, dispatched=9, ok=8, failed=1, abandoned=0)
    assert (info.connections.opened, info.connections.max_in_pool, info.connections.reused) == (3, 2, None)
    assert (info.connections.accepted, info.connections.served) == (3, 9)
    assert (info.agents, info.client, info.coordinators) == (END.addresses, END.client, END.coordinators)
    assert (info.workers, info.machine_load, info.problems) == (END.workers, END.machine_load, ())


def test_unknown_counts_have_no_sum() -> None:
    info = run_info(BEGUN, replace(END, coordinators=(END.coordinators[0], CoordinatorInfo(2)), workers=None))
    assert (info.questions.dispatched, info.connections.opened) == (None, None)
    assert (info.connections.accepted, info.connections.served, info.workers) == (None, None, None)


def test_a_run_without_a_coordinator_has_asked_nothing() -> None:
    info = run_info(BEGUN, RunEnd(began=100.0, ended_by="interrupted", workers=(WorkerInfo(1),)))
    assert (info.questions.dispatched, info.connections.opened, info.connections.accepted) == (0, None, None)
