"""fanout.studies.clients: the runs over the client libraries, and the document that is made of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fanout.runs.reader import Run
from fanout.scenario import client_libraries
from fanout.studies.clients import (
    AGENTS,
    COMMAND,
    NAME,
    TOPOLOGIES,
    Figures,
    clients_grid,
    figures_of,
    render,
    write_document,
)
from fanout.studies.evidence import read_figures, save_figures
from helpers.paths import ROOT
from helpers.runs import question
from helpers.studies import run

DOCS = ROOT / "docs"


def test_every_library_meets_every_number_of_agents_in_both_topologies() -> None:
    plan = clients_grid()
    libraries = client_libraries.names()
    cells = [(agents, library, topology) for agents in AGENTS for library in libraries for topology in TOPOLOGIES]
    assert [each.values for each in plan.combinations] == cells
    scenarios = [each.scenario for each in plan.combinations]
    assert [(each.agents, each.client.library, each.client.topology) for each in scenarios] == cells
    assert len({each.name for each in scenarios}) == len(cells)
    assert len({(each.seed, str(each.workers.service_time)) for each in scenarios}) == 1


def measured_run() -> Run:
    client = {"library": "httpx2", "topology": "per_agent"}
    found = run("x", *(question(n) for n in range(8)), agents=32, client=client)
    coordinator = replace(found.info.coordinators[0], memory_mib=60.0)
    versions: dict[str, str | None] = {"httpx2": "2.16.2", "httpcore2": "2.16.2"}
    return replace(found, info=replace(found.info, coordinators=(coordinator,), machine={}, versions=versions))


def test_figures_are_a_run_s() -> None:
    found = figures_of(measured_run())
    assert (found.agents, found.library, found.topology) == (32, "httpx2", "per_agent")
    assert (found.questions, found.failed, found.memory_mib) == (8, 0, 60)
    assert found.versions == "httpx2 2.16.2, httpcore2 2.16.2"


def committed() -> list[Figures]:
    return read_figures(Figures, DOCS / f"{NAME}.csv", COMMAND)


def test_the_document_is_made_of_the_figures_beside_it(tmp_path: Path) -> None:
    assert render(committed()) == (DOCS / f"{NAME}.md").read_text(encoding="utf-8")
    save_figures(committed(), tmp_path, NAME)
    assert write_document(tmp_path) == committed()


def test_no_measured_figure_is_typed_into_the_template() -> None:
    measured = [name for name, field in Figures.model_fields.items() if "float" in str(field.annotation)]
    changed = [figures.model_copy(update=dict.fromkeys(measured, 424242.0)) for figures in committed()]
    text = render(changed)
    assert not [each.cpu_ms for each in committed() if f" {each.cpu_ms:.2f} " in text]


def test_claims_that_the_figures_do_not_support_are_listed() -> None:
    assert "**Careful:**" not in render(committed())
    alike = [figures.model_copy(update={"cpu_ms": 1.0, "failed": 1}) for figures in committed()]
    careful = next(line for line in render(alike).splitlines() if line.startswith("**Careful:**"))
    assert "costliest" in careful and "loses no question" in careful
    assert render(alike).count("none lost no question") == len(AGENTS)
