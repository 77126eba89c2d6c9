"""The figures of one run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from fanout.runs.reader import Run
from fanout.studies.evidence import checked, measured
from fanout.studies.scaling._pool_work import PoolWork

COMMAND = "scripts/scaling"


class Figures(BaseModel):
    """Latencies are adapter latencies of answered questions, in ms."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agents: int
    client: str
    run: str
    """The name of the run's directory."""
    questions: int
    failed: int
    failures: str | None = None
    """The kinds of failures with their numbers, the most frequent first."""
    cpu_ms: float
    """The coordinator's CPU time for each question."""
    p50_ms: float | None = None
    p95_ms: float | None = None
    connections: int
    memory_mib: float
    per_client: int
    """The agents of the client that has the most."""
    suspect: bool
    """Whether the coordinator or the machine was saturated, which here is what the study is about."""
    checks: float | None = None
    """The checks of connections for each request, when all are idle; counted where a client keeps all connections."""
    polls: float | None = None
    """The polls of idle connections for each request, likewise."""
    system: str
    """The machine and the versions."""


def figures_of(agents: int, client: str, run: Run, work: PoolWork | None) -> Figures:
    """`work` is that of the client's pool. Raises NoDataError if a figure is unknown."""
    data = {
        "agents": agents,
        "client": client,
        **measured(run),
        "per_client": max(map(len, run.scenario.client.agents_by_client(agents))),
        "checks": work and work.checks,
        "polls": work and work.polls,
    }
    return checked(Figures, data, run, COMMAND)
