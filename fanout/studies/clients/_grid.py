"""The runs of the study: more and more agents, asked through each library, with one client for all and one for each."""

from __future__ import annotations

from typing import Any

import yaml

from fanout.paths import SCENARIOS
from fanout.scenario import Scenario, client_libraries, parse_scenario
from fanout.studies.scaling import MOST_QUESTIONS, QUESTIONS_EACH, SERVICE_TIME, TUNED
from fanout.sweep import Combination, Parameter, Plan

AGENTS = (8, 32, 128, 512)
TOPOLOGIES = ("shared", "per_agent")


def clients_grid() -> Plan:
    """Agents come first, so that runs of the same size follow one another."""
    libraries = client_libraries.names()
    grid = [(agents, library, topology) for agents in AGENTS for library in libraries for topology in TOPOLOGIES]
    return Plan(
        "preset clients",
        (Parameter("agents", AGENTS), Parameter("client.library", libraries), Parameter("client.topology", TOPOLOGIES)),
        tuple(Combination(values, _scenario(*values)) for values in grid),
    )


def _scenario(agents: int, library: str, topology: str) -> Scenario:
    lines: dict[str, Any] = {
        "name": f"{library}-{topology.replace('_', '-')}-{agents}",
        "protocol": "a2a",
        "agents": agents,
        "questions": min(QUESTIONS_EACH * agents, MOST_QUESTIONS),
        "client": {"library": library, "topology": topology, "limits": TUNED},
        "workers": {"host": "127.0.0.1", "service_time": SERVICE_TIME, "per_process": max(1, agents // 32)},
    }
    return parse_scenario(yaml.safe_dump(lines), SCENARIOS / "clients.yaml")
