"""Renders the document from a template that takes every measured figure from the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fanout.errors import NoDataError
from fanout.studies.evidence import rendered
from fanout.studies.scaling._figures import COMMAND, Figures
from fanout.studies.scaling._grid import AGENTS, CLIENTS, QUESTIONS_EACH, SHARD, TUNED

SHARED, TUNED_CLIENT, SHARDED, PER_AGENT = CLIENTS
NAMES = {
    SHARED: "shared, default limits",
    TUNED_CLIENT: "shared, tuned limits",
    SHARDED: "sharded",
    PER_AGENT: "per agent",
}
COSTLIER = 1.25
"""A client costs more than another if it takes so many times the CPU time."""


class Findings:
    """The figures, as the template looks them up."""

    def __init__(self, found: Sequence[Figures]) -> None:
        self._by_cell = {(figures.agents, figures.client): figures for figures in found}

    def __call__(self, agents: int, client: str) -> Figures:
        """Raises NoDataError if it wasn't run."""
        if (agents, client) not in self._by_cell:
            raise NoDataError(f"no figures of {agents} agents with {client}; run {COMMAND} again")
        return self._by_cell[agents, client]

    def first(self, holds: Callable[[int], bool]) -> int | None:
        """The least number of agents from which on something holds; None if it doesn't for the most agents."""
        not_yet = [agents for agents in AGENTS if not holds(agents)]
        later = [agents for agents in AGENTS if not not_yet or agents > not_yet[-1]]
        return later[0] if later else None

    @property
    def crossover(self) -> int | None:
        """From how many agents on one shared client takes more CPU time than a client for each agent."""
        return self.first(lambda agents: self(agents, TUNED_CLIENT).cpu_ms > COSTLIER * self(agents, PER_AGENT).cpu_ms)

    def loses(self, client: str) -> int | None:
        """From how many agents on a client fails questions."""
        return self.first(lambda agents: self(agents, client).failed > 0)


def doubts(figures: Findings) -> list[str]:
    """The document's claims that these figures don't support."""
    most = AGENTS[-1]
    tuned, alone, sharded = (figures(most, client) for client in (TUNED_CLIENT, PER_AGENT, SHARDED))
    claims = {
        "that one tuned client for all agents is the costliest at the most agents": (
            tuned.cpu_ms > 3 * alone.cpu_ms and figures.crossover is not None
        ),
        "that it loses questions there": tuned.failed > 0,
        "that a client for each agent loses none anywhere": not any(figures(n, PER_AGENT).failed for n in AGENTS),
        "that shards lose none anywhere": not any(figures(n, SHARDED).failed for n in AGENTS),
        "that shards stay near a client for each agent": sharded.cpu_ms < 2 * alone.cpu_ms,
        "that a request costs two polls of each idle connection, and checks that grow with their square": all(
            figures(n, TUNED_CLIENT).polls == 2 * n and (figures(n, TUNED_CLIENT).checks or 0) > 2 * n**2
            for n in AGENTS
        ),
    }
    return [claim for claim, holds in claims.items() if not holds]


def render(found: Sequence[Figures], template: Path, chart: str) -> str:
    """Renders the document; `chart` is the chart's file name. Raises NoDataError if a figure is missing."""
    figures = Findings(found)
    return rendered(
        template,
        figures=figures,
        doubts=doubts(figures),
        sizes=AGENTS,
        names=NAMES,
        most=AGENTS[-1],
        shard=SHARD,
        each=QUESTIONS_EACH,
        tuned=TUNED,
        runs=len(found),
        chart=chart,
    )
