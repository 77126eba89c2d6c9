"""HTTP/2: many questions at the same time on one connection to each agent, whatever the client library."""

from __future__ import annotations

from pathlib import Path

import pytest

from fanout.agents.handle import Agents
from fanout.coordinator.clients import libraries
from fanout.outcome import Outcome
from fanout.processes.child import Child
from fanout.scenario import client_libraries
from helpers.exchanges import assert_adds_up
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
    file, ca_file = tmp_path / "scenario.yaml", tmp_path / "ca.pem"
    file.write_text(scenario.to_yaml(), encoding="utf-8")
    with Agents(scenario, file) as agents:
        assert agents.ca_pem is not None
        ca_file.write_text(agents.ca_pem, encoding="utf-8")
        options = ["--agents", ",".join(agents.addresses), "--rounds", "1", "--ca-file", str(ca_file)]
        child = Child("the coordinator", "fanout.coordinator", [str(file), *options])
        try:
            lines = []
            while (line := child.listen()) is not None:
                lines.append(line)
        finally:
            child.close()
        counts = agents.counts()
    outcomes = [Outcome.from_json(line) for line in lines if line["is"] == "outcome"]
    assert [outcome.status for outcome in outcomes] == ["ok"] * 40
    assert len({outcome.connection for outcome in outcomes}) == 2
    assert counts is not None and (counts.accepted, counts.served) == ((1, 1), 40)
    (stopped,) = (line["coordinator"] for line in lines if line["is"] == "stopped")
    assert stopped["connections"]["opened"] == 2
    assert stopped["connections"]["max_in_flight"] > 2
    for outcome in outcomes:
        assert_adds_up(outcome)
