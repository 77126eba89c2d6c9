"""Runs every scenario in scenarios/ with shortened times: phases add up, both ends count the same connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from fanout.coordinator.clients import libraries
from fanout.locust_plugin.problems import connection_problems
from fanout.scenario import Scenario, load_scenario
from helpers.exchanges import assert_adds_up
from helpers.paths import ROOT
from helpers.processes import Ran, run_through
from helpers.scenarios import scenario_of

pytestmark = pytest.mark.process

# Those with faults are run by tests/test_fault_table.py, test_coordinator_loop_faults.py and test_advice_trial.py.
SCENARIOS = sorted(
    path
    for path in (ROOT / "scenarios").rglob("*.yaml")
    if path.stem != "base" and not load_scenario(path).workers.faults and path.parent.name != "faults"
)


def shortened(path: Path) -> Scenario:
    """The scenario with a hundredth of its times, including the expiry of connections; questions arrive ten times as
    often."""
    scenario = load_scenario(path)
    factor = 0.01 / (scenario.workers.service_time.scale if path.parent.name == "scenarios" else 1)
    service_time = scenario.workers.service_time.model_copy(
        update={"scale": scenario.workers.service_time.scale * factor}
    )
    coordinator = scenario.coordinator.model_copy(update={"pause_s": scenario.coordinator.pause_s * factor})
    limits = scenario.client.limits
    if coordinator.pause_s:
        limits = limits.model_copy(update={"keepalive_expiry_s": (limits.keepalive_expiry_s or 0) * factor})
    arrivals = scenario.arrivals and scenario.arrivals.model_copy(update={"rate": 10 * scenario.arrivals.rate})
    return scenario.model_copy(
        update={
            "arrivals": arrivals,
            "workers": scenario.workers.model_copy(update={"service_time": service_time}),
            "client": scenario.client.model_copy(update={"limits": limits}),
            "coordinator": coordinator,
        }
    )


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: str(path.relative_to(ROOT / "scenarios")))
def test_phases_add_up_and_both_ends_count_the_same_connections(path: Path, tmp_path: Path) -> None:
    scenario = shortened(path)
    ran = run_through(scenario, tmp_path)
    assert len(ran.outcomes) == scenario.questions
    assert {outcome.status for outcome in ran.outcomes} == {"ok"}
    unknown = libraries.load(scenario.client.library).unknown_phases
    for outcome in ran.outcomes:
        assert outcome.adapter_ms is not None
        assert_adds_up(outcome, unknown)
        assert outcome.connection is not None and outcome.reused is not None
    assert connection_problems([ran.info], ran.workers) == []
    assert ran.counts.served == len(ran.outcomes)
    opened = {outcome.connection for outcome in ran.outcomes if not outcome.reused}
    assert len(opened) == ran.final["connections"]["opened"]
    assert opened >= {outcome.connection for outcome in ran.outcomes}


def test_the_expiring_scenario_opens_a_connection_for_each_question(tmp_path: Path) -> None:
    ran = run_through(shortened(ROOT / "scenarios" / "headline" / "a2a-tuned-expiring.yaml"), tmp_path)
    assert ran.final["connections"]["opened"] == 100
    assert (ran.final["executor"]["threads"], ran.final["executor"]["blocking_calls"]) == (24, 100)


def starving(directory: Path, **coordinator: object) -> Ran:
    """Four agents, no connection kept alive, and one thread, which each question in flight holds."""
    directory.mkdir()
    executor = {"threads": 1, "blocking_calls": "per_question"}
    scenario = scenario_of(
        agents=4,
        questions=16,
        client={"limits": {"max_keepalive_connections": 0}},
        coordinator={"executor": executor, **coordinator},
        workers={"host": "localhost", "service_time": {"distribution": "exponential", "mean_s": 0.1}},
    )
    return run_through(scenario, directory)


def test_a_resolver_of_its_own_ends_the_wait_for_a_thread(tmp_path: Path) -> None:
    shared, own = starving(tmp_path / "shared"), starving(tmp_path / "own", resolver="own_executor")
    assert shared.final["executor"]["max_busy_threads"] == own.final["executor"]["max_busy_threads"] == 1
    queued = [ran.final["lookups"]["queued_ms"]["max"] for ran in (shared, own)]
    assert queued[0] > 2 * queued[1]
    resolving = [sum((outcome.phases_ms or {})["resolving"] for outcome in ran.outcomes) for ran in (shared, own)]
    assert resolving[0] > 2 * resolving[1]


def test_pauses_hold_a_thread_if_asked_to(tmp_path: Path) -> None:
    executor = {"threads": 4, "blocking_calls": "per_question_and_pause"}
    ran = starving(tmp_path / "x", executor=executor, pause_s=0.05)
    assert ran.final["executor"]["blocking_calls"] > 16  # a call for each question, and one for each pause
    free = starving(tmp_path / "y", pause_s=0.05)
    assert free.final["executor"]["blocking_calls"] == 16
