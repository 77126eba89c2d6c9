"""The figures of the published analysis, which are shown beside those measured here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("published.json")


@dataclass(frozen=True)
class Published:
    """One published run: the adapter latency of its answered questions. None means unknown."""

    protocol: str
    agents: int
    limits: str | None
    """`default`, `1000/200`, or None if unknown."""
    questions: int
    failed: int
    mean_ms: float
    p50_ms: float | None
    p95_ms: float | None
    max_ms: float
    over_100ms: int
    service_mean_s: float | None
    service_p50_s: float | None
    service_sigma: float | None


@cache
def published_runs() -> tuple[Published, ...]:
    """All published runs, ordered by protocol and number of agents."""
    return tuple(Published(**run) for run in json.loads(FILE.read_text(encoding="utf-8"))["runs"])


def published(protocol: str, agents: int, limits: str | None) -> Published:
    """Returns the run with this protocol, number of agents and limits. Raises KeyError if none was published."""
    for run in published_runs():
        if (run.protocol, run.agents, run.limits) == (protocol, agents, limits):
            return run
    raise KeyError(f"{protocol}, {agents} agents, limits {limits}")
