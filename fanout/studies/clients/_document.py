"""The study's files in docs/: the figures, and the document that a template makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fanout.errors import NoDataError
from fanout.files import writing
from fanout.paths import ROOT
from fanout.scenario import client_libraries
from fanout.studies.clients._figures import COMMAND, Figures
from fanout.studies.clients._grid import AGENTS, TOPOLOGIES
from fanout.studies.evidence import OTHER_DOCS, read_figures, rendered

NAME = "clients"
TEMPLATE = ROOT / "docs" / f"{NAME}.md.j2"
CLEARLY = 1.25
"""A client costs more than another if it takes so many times the CPU time."""


class Findings:
    """The figures, as the template looks them up."""

    def __init__(self, found: Sequence[Figures]) -> None:
        self._by_cell = {(each.agents, each.library, each.topology): each for each in found}

    def __call__(self, agents: int, library: str, topology: str) -> Figures:
        """Raises NoDataError if it wasn't run."""
        if (agents, library, topology) not in self._by_cell:
            raise NoDataError(f"no figures of {library} {topology} with {agents} agents; run {COMMAND} again")
        return self._by_cell[agents, library, topology]

    def good(self, agents: int) -> list[tuple[str, str]]:
        """The libraries and topologies that lose no question and cost little more CPU than the cheapest such one."""
        whole = [each for each in self._by_cell.values() if each.agents == agents and not each.failed]
        least_ms = min((each.cpu_ms for each in whole), default=0.0)
        return [(each.library, each.topology) for each in whole if each.cpu_ms <= CLEARLY * least_ms]

    def versions(self, library: str) -> str:
        return next(each.versions for each in self._by_cell.values() if each.library == library)


def doubts(figures: Findings) -> list[str]:
    """The document's claims that these figures don't support."""
    most = AGENTS[-1]
    httpx = figures(most, "httpx", "shared")
    claims = {
        "that one client of httpx for all agents is the costliest at the most agents": all(
            httpx.cpu_ms > 2 * figures(most, library, topology).cpu_ms
            for library in client_libraries.names()
            for topology in TOPOLOGIES
            if (library, topology) != ("httpx", "shared")
        ),
        "that a client for each agent loses no question with any library": not any(
            figures(agents, library, "per_agent").failed for agents in AGENTS for library in client_libraries.names()
        ),
        "that the topology hardly matters with httpx-aiohttp": (
            figures(most, "httpx-aiohttp", "shared").cpu_ms
            < CLEARLY * figures(most, "httpx-aiohttp", "per_agent").cpu_ms
        ),
    }
    return [claim for claim, holds in claims.items() if not holds]


def render(found: Sequence[Figures]) -> str:
    """The document. Raises NoDataError if a figure is missing."""
    figures = Findings(found)
    return rendered(
        TEMPLATE,
        figures=figures,
        doubts=doubts(figures),
        sizes=AGENTS,
        libraries=client_libraries.names(),
        topologies=TOPOLOGIES,
        most=AGENTS[-1],
        runs=len(found),
        system=found[0].system,
        clearly=CLEARLY,
    )


def write_document(docs: Path) -> list[Figures]:
    """Makes the document from the figures in the same folder, and returns the figures.

    Raises NoDataError if figures are missing, CouldNotRunError if the folder can't be written.
    """
    found = read_figures(Figures, docs / f"{NAME}.csv", COMMAND)
    text = render(found)
    with writing(docs, OTHER_DOCS):
        (docs / f"{NAME}.md").write_text(text, encoding="utf-8")
    return found
