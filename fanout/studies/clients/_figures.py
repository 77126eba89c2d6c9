"""The figures of one run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from fanout.runs.reader import Run
from fanout.studies.evidence import checked, measured

COMMAND = "scripts/scaling"
BELOW = {
    "httpx": ("httpx", "httpcore"),
    "httpx2": ("httpx2", "httpcore2"),
    "httpxyz": ("httpxyz", "httpcorexyz"),
    "httpx-aiohttp": ("httpx-aiohttp", "aiohttp"),
}
"""The packages that a library consists of, whose versions matter."""


class Figures(BaseModel):
    """Latencies are adapter latencies of answered questions, in ms."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agents: int
    library: str
    topology: str
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
    suspect: bool
    """Whether the coordinator or the machine was saturated, which here is what the study is about."""
    versions: str
    """Those of the library's packages."""
    system: str
    """The machine, and the versions of Python and httpx."""


def figures_of(run: Run) -> Figures:
    """Raises NoDataError if a figure is unknown."""
    client, known = run.scenario.client, run.info.versions or {}
    data = {
        "agents": run.scenario.agent_count,
        "library": client.library,
        "topology": client.topology,
        **measured(run),
        "versions": ", ".join(f"{name} {known.get(name)}" for name in BELOW.get(client.library, (client.library,))),
    }
    return checked(Figures, data, run, COMMAND)
