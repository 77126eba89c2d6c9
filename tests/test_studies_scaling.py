"""fanout.studies.scaling: the runs over the number of agents, and the document that is made of them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fanout.runs.reader import Run
from fanout.studies.evidence import read_figures
from fanout.studies.scaling import (
    AGENTS,
    CLIENTS,
    COMMAND,
    NAME,
    TEMPLATE,
    Figures,
    PoolWork,
    draw,
    figures_of,
    pool_work,
    render,
    scaling_grid,
)
from helpers.paths import ROOT
from helpers.processes import command
from helpers.runs import question
from helpers.studies import run

DOCS = ROOT / "docs"


def test_every_client_meets_every_number_of_agents() -> None:
    plan = scaling_grid()
    assert [each.values for each in plan.combinations] == [(n, client) for n in AGENTS for client in CLIENTS]
    assert len({each.scenario.name for each in plan.combinations}) == len(plan.combinations)
    clients = {each.values: each.scenario.client for each in plan.combinations}
    for agents in AGENTS:
        sizes = {client: list(map(len, clients[agents, client].agents_by_client(agents))) for client in CLIENTS}
        assert sizes["shared-default"] == sizes["shared-tuned"] == [agents]
        assert sizes["per-agent"] == [1] * agents
        assert max(sizes["sharded"]) <= min(agents, 16)
        assert clients[agents, "shared-tuned"].limits.max_keepalive_connections == 1000
    work = {(each.scenario.seed, str(each.scenario.workers.service_time)) for each in plan.combinations}
    assert len(work) == 1


@pytest.mark.parametrize("agents", [1, 5, 40])
def test_a_pool_checks_all_connections_for_each_idle_one(agents: int) -> None:
    work = pool_work(agents)
    assert work.polls == 2 * agents
    assert 2 * agents**2 < work.checks < 2 * agents**2 + 10 * agents


def measured_run() -> Run:
    found = run("x", *(question(n) for n in range(8)))
    machine: dict[str, str | int | float | bool | None] = {"cpus": 2, "cpu": "Z80", "system": "CP/M"}
    coordinator = replace(found.info.coordinators[0], memory_mib=60.0)
    return replace(found, info=replace(found.info, coordinators=(coordinator,), machine=machine, versions={}))


def test_figures_are_a_run_s() -> None:
    found = figures_of(32, "shared-tuned", measured_run(), PoolWork(2144, 64))
    assert (found.questions, found.failed, found.p50_ms, found.memory_mib) == (8, 0, 8, 60)
    assert (found.per_client, found.checks, found.polls) == (32, 2144, 64)


def committed() -> list[Figures]:
    return read_figures(Figures, DOCS / f"{NAME}.csv", COMMAND)


def test_the_document_and_its_chart_are_made_of_the_figures_beside_them(tmp_path: Path) -> None:
    assert render(committed(), TEMPLATE, f"{NAME}.svg") == (DOCS / f"{NAME}.md").read_text(encoding="utf-8")
    draw(committed(), tmp_path / "chart.svg")
    made, kept = (file.read_text(encoding="utf-8") for file in (tmp_path / "chart.svg", DOCS / f"{NAME}.svg"))
    assert re.findall(r">([^<>]+)</text>", made) == re.findall(r">([^<>]+)</text>", kept)


MEASURED = [name for name, field in Figures.model_fields.items() if "float" in str(field.annotation)]


def test_no_measured_figure_is_typed_into_the_template() -> None:
    changed = [figures.model_copy(update=dict.fromkeys(MEASURED, 424242.0)) for figures in committed()]
    text = render(changed, TEMPLATE, "x.svg")
    shown = {f"{getattr(figures, name):.2f}" for figures in committed() for name in ("cpu_ms",)}
    assert not [figure for figure in shown if f" {figure} " in text]


def test_claims_that_the_figures_do_not_support_are_listed_first() -> None:
    assert "**Careful:**" not in render(committed(), TEMPLATE, "x.svg")
    unanswered = [each.model_copy(update={"p50_ms": None, "p95_ms": None}) for each in committed()]
    assert "unknown" in render(unanswered, TEMPLATE, "x.svg")
    harmless = [figures.model_copy(update={"cpu_ms": 1.0, "failed": 0}) for figures in committed()]
    careful = next(line for line in render(harmless, TEMPLATE, "x.svg").splitlines() if line.startswith("**Careful:**"))
    assert "From " not in careful and "one shared client took more than" not in render(harmless, TEMPLATE, "x.svg")
    assert "costliest at the most agents" in careful and "loses questions" in careful


@pytest.mark.process
def test_the_command_names_what_is_missing(tmp_path: Path) -> None:
    done = command("scaling", tmp_path, "--docs", tmp_path / "docs")
    assert done.returncode == 3 and "sweep.json" in done.stderr
    done = command("scaling", "--docs", tmp_path / "docs")
    assert done.returncode == 3 and "scaling.csv" in done.stderr and "Traceback" not in done.stderr
