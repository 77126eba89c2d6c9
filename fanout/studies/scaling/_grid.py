"""The runs of the study: more and more agents, asked through each kind of client."""

from __future__ import annotations

from typing import Any

import yaml

from fanout.paths import SCENARIOS
from fanout.scenario import Scenario, parse_scenario
from fanout.sweep import Combination, Parameter, Plan

AGENTS = (4, 8, 16, 32, 64, 128, 256, 512)
SHARD = 16
"""The agents of a shard: few enough for httpx's default of 20 connections that are kept alive."""
CLIENTS = ("shared-default", "shared-tuned", "sharded", "per-agent")
"""One client with httpx's default limits, one with the tuned limits, a client for each SHARD agents, one for each."""
TUNED = {"max_connections": 2000, "max_keepalive_connections": 1000}
SERVICE_TIME = {"distribution": "lognormal", "median_s": 1.0, "sigma": 0.3}
MOST_QUESTIONS = 2048
QUESTIONS_EACH = 8
"""The questions for each agent, where that is less than MOST_QUESTIONS."""


def scaling_grid() -> Plan:
    """Agents × clients, with the timeouts that httpx has by default."""
    grid = [(agents, client) for agents in AGENTS for client in CLIENTS]
    return Plan(
        "preset agents",
        (Parameter("agents", AGENTS), Parameter("client", CLIENTS)),
        tuple(Combination(values, _scenario(*values)) for values in grid),
    )


def _scenario(agents: int, client: str) -> Scenario:
    lines: dict[str, Any] = {
        "name": f"{client}-{agents}",
        "protocol": "a2a",
        "agents": agents,
        "questions": min(QUESTIONS_EACH * agents, MOST_QUESTIONS),
        "client": _client(agents, client),
        "workers": {"host": "127.0.0.1", "service_time": SERVICE_TIME, "per_process": max(1, agents // 32)},
    }
    return parse_scenario(yaml.safe_dump(lines), SCENARIOS / "agents.yaml")


def _client(agents: int, client: str) -> dict[str, Any]:
    if client == "sharded":
        return {"topology": "sharded", "shards": shards_of(agents)}
    if client == "per-agent":
        return {"topology": "per_agent"}
    return {"limits": TUNED if client == "shared-tuned" else {}}


def shards_of(agents: int) -> int:
    return -(-agents // SHARD)
