from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fanout.errors import NoDataError
from fanout.runs.reader import Run
from fanout.runs.schema import LookupTimes, MeanAndMax
from fanout.studies.ablation import (
    COMMAND,
    NAME,
    TEMPLATE,
    Figures,
    Variant,
    draw,
    figures_of,
    render,
    variants,
)
from fanout.studies.evidence import read_figures, write_figures
from fanout.studies.published import published_runs
from fanout.text import format_ms
from helpers.paths import ROOT
from helpers.processes import command
from helpers.runs import frame_of, question
from helpers.studies import run

DOCS = ROOT / "docs"
FIGURES = DOCS / f"{NAME}.csv"


def test_every_combination_is_there_once() -> None:
    grid = variants()
    assert len(grid) == len(set(grid)) == 2 * 2 * 3 * 2 * 2 + 2
    assert Variant() in grid
    names = {variant.scenario().name for variant in grid}
    assert len(names) == len(grid)


def test_a_variant_is_the_headline_scenario_with_something_changed() -> None:
    worst = Variant().scenario()
    assert (worst.agents, worst.questions, worst.workers.host, worst.seed) == (32, 100, "localhost", 7)
    assert worst.client.limits.max_keepalive_connections == 20
    assert (worst.coordinator.executor.threads, worst.coordinator.executor.blocking_calls) == (24, "per_question")
    changed = Variant("1000/200", "127.0.0.1", "none blocked", "own_executor", 0.1).scenario()
    assert changed.client.limits.max_keepalive_connections == 200
    assert (changed.workers.host, changed.workers.service_time.scale) == ("127.0.0.1", 0.1)
    assert (changed.coordinator.executor.blocking_calls, changed.coordinator.resolver) == ("none", "own_executor")
    pausing = Variant("1000/200", pauses="blocked").scenario()
    assert (pausing.coordinator.pause_s, pausing.coordinator.executor.blocking_calls) == (8, "per_question_and_pause")


def measured_run(tmp_path: Path) -> Run:
    found = run("x", *(question(n, resolving=41) for n in range(5)))
    lookups = LookupTimes(2, queued_ms=MeanAndMax(40.0, 50.0), took_ms=MeanAndMax(0.2, 0.3))
    info = replace(
        found.info,
        coordinators=(replace(found.info.coordinators[0], lookups=lookups),),
        machine={"cpus": 2, "cpu": "Z80", "system": "CP/M"},
        versions=dict.fromkeys(("python", "httpx", "httpcore", "anyio"), "1.0"),
    )
    return replace(found, info=info)


def test_figures_are_a_run_s_and_survive_their_file(tmp_path: Path) -> None:
    found = figures_of(Variant(host="127.0.0.1"), measured_run(tmp_path))
    assert (found.mean_ms, found.resolving_ms, found.queued_ms, found.lookup_ms) == (48, 41, 40, 0.2)
    assert (found.questions, found.connections, found.over_100ms, found.first_ms) == (5, 5, 0, 48)
    assert found.variant == Variant(host="127.0.0.1")
    write_figures([found], tmp_path / "figures.csv")
    assert read_figures(Figures, tmp_path / "figures.csv", COMMAND) == [found]


def test_a_run_without_phases_is_no_figure(tmp_path: Path) -> None:
    blind = replace(measured_run(tmp_path), questions=frame_of([replace(question(1), phases_ms=None)]))
    with pytest.raises(NoDataError, match=r"_ms: .*; run scripts/ablation again"):
        figures_of(Variant(), blind)


@pytest.mark.parametrize("text", [None, "a,b\n1,2\n", "\xff"])
def test_a_file_that_is_not_of_figures_is_an_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "x.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(NoDataError, match=r"x\.csv: .*with scripts/ablation"):
        read_figures(Figures, tmp_path / "x.csv", COMMAND)


def test_the_document_and_its_chart_are_made_of_the_figures_beside_them(tmp_path: Path) -> None:
    found = read_figures(Figures, FIGURES, COMMAND)
    assert render(found, TEMPLATE, f"{NAME}.svg") == (DOCS / f"{NAME}.md").read_text(encoding="utf-8")
    draw(found, tmp_path / "chart.svg")
    made, kept = (file.read_text(encoding="utf-8") for file in (tmp_path / "chart.svg", DOCS / f"{NAME}.svg"))
    labels = re.findall(r">([\d.]+ m?s)<", made)
    assert labels == re.findall(r">([\d.]+ m?s)<", kept)
    assert labels[0] == format_ms(found[[f.variant for f in found].index(Variant())].mean_ms)


MEASURED = [name for name, field in Figures.model_fields.items() if field.annotation is float and name != "scale"]


def test_no_measured_figure_is_typed_into_the_template() -> None:
    committed = read_figures(Figures, FIGURES, COMMAND)
    changed = [figures.model_copy(update=dict.fromkeys(MEASURED, 424242.0)) for figures in committed]
    text = render(changed, TEMPLATE, "x.svg")
    shown = {format_ms(getattr(figures, name)) for figures in committed for name in MEASURED}
    typed = {f"{run.mean_ms:.0f} ms" for run in published_runs()} | {"100 ms"}
    assert not [figure for figure in shown - typed if f" {figure}" in text]


def test_claims_that_the_figures_do_not_support_are_listed_first() -> None:
    committed = read_figures(Figures, FIGURES, COMMAND)
    assert "**Careful:**" not in render(committed, TEMPLATE, "x.svg")
    harmless = [figures.model_copy(update={"mean_ms": 30.0, "resolving_ms": 2.0}) for figures in committed]
    text = render(harmless, TEMPLATE, "x.svg")
    careful = next(line for line in text.splitlines() if line.startswith("**Careful:**"))
    assert "which combinations have a mean over 100 ms" in careful
    assert "that most of the worst run's time is name resolution" in careful


def test_a_missing_combination_is_an_error_not_a_gap() -> None:
    without_worst = [figures for figures in read_figures(Figures, FIGURES, COMMAND) if figures.variant != Variant()]
    with pytest.raises(NoDataError, match="no figures of limits 100/20, host localhost"):
        render(without_worst, TEMPLATE, "x.svg")


@pytest.mark.process
def test_the_command_renders_what_was_run_before(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.csv").write_bytes(FIGURES.read_bytes())
    done = command("ablation", "--render", "--docs", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "from 50 runs" in done.stdout
    assert (tmp_path / f"{NAME}.md").read_bytes() == (DOCS / f"{NAME}.md").read_bytes()
    done = command("ablation", "--render", "--docs", tmp_path / "made" / "on" / "demand")
    assert done.returncode == 3
    assert done.stderr.startswith("error: ") and "can't be read" in done.stderr
    done = command("ablation", "--docs", FIGURES / "not-a-folder")
    assert done.returncode == 3
    assert "choose another folder with --docs" in done.stderr and "Traceback" not in done.stderr
