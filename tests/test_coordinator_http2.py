"""HTTP/2: many questions at the same time on one connection to each agent, whatever the client library."""

from __future__ import annotations

from pathlib import Path

import pytest

from fanout.coordinator.clients import libraries
from fanout.scenario import client_libraries
from helpers.exchanges import assert_adds_up
from helpers.processes import run_through
from helpers.scenarios import scenario_of

pytestmark = pytest.mark.process

ABLE = [name for name in client_libraries.names() if "http2" not in libraries.load(name).ignored]


@pytest.mark.parametrize("library", ABLE)
def test_questions_share_a_connection_and_have_phases(library: str, tmp_path: Path) -> None:
    scenario = scenario_of(
        agents=2,
        questions=40,
        client={"library": library, "http2": True},
        dispatch={"per_agent": 10},
        workers={
            "server": "hypercorn",
            "tls": True,
            "service_time": {"distribution": "constant", "value_s": 0.1},
        },
    )
    ran = run_through(scenario, tmp_path)
    assert [outcome.status for outcome in ran.outcomes] == ["ok"] * 40
    assert len({outcome.connection for outcome in ran.outcomes}) == 2
    assert (ran.counts.accepted, ran.counts.served) == ((1, 1), 40)
    assert ran.final["connections"]["opened"] == 2
    assert ran.final["connections"]["max_in_flight"] > 2
    for outcome in ran.outcomes:
        assert_adds_up(outcome)
