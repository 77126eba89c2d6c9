"""Every scenario in scenarios/, with its times shortened: phases add up, both ends count the same connections."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT, run_through
from test_phases import assert_adds_up

from fanout import audit
from fanout.scenario import Scenario, load_scenario

SCENARIOS = sorted(path for path in (ROOT / "scenarios").rglob("*.yaml") if path.stem != "base")


def shortened(path: Path) -> Scenario:
    """The scenario at a hundredth of its times, those of its connections included."""
    scenario = load_scenario(path)
    factor = 0.01 / (scenario.workers.service_time.scale if path.parent.name == "scenarios" else 1)
    service_time = scenario.workers.service_time.model_copy(
        update={"scale": scenario.workers.service_time.scale * factor}
    )
    coordinator = scenario.coordinator.model_copy(update={"pause_s": scenario.coordinator.pause_s * factor})
    limits = scenario.client.limits
    if coordinator.pause_s:
        limits = limits.model_copy(update={"keepalive_expiry_s": (limits.keepalive_expiry_s or 0) * factor})
    return scenario.model_copy(
        update={
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
    for outcome in ran.outcomes:
        assert outcome.adapter_ms is not None
        assert_adds_up(outcome)
        assert outcome.connection is not None and outcome.reused is not None
    assert audit.defects([ran.final], ran.counts.accepted) == []
    assert ran.counts.served == len(ran.outcomes)
    opened = {outcome.connection for outcome in ran.outcomes if not outcome.reused}
    assert len(opened) == ran.final["connections"]["opened"]
    assert opened >= {outcome.connection for outcome in ran.outcomes}


def test_the_expiring_scenario_opens_a_connection_for_each_question(tmp_path: Path) -> None:
    ran = run_through(shortened(ROOT / "scenarios" / "headline" / "a2a-tuned-expiring.yaml"), tmp_path)
    assert ran.final["connections"]["opened"] == 100
    assert ran.final["executor"] == {"threads": 24, "blocking_calls": 100, "max_busy_threads": 24}
