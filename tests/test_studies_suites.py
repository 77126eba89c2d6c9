"""scripts/bench's own suites: what --headline and --handshake make of runs, and the scenarios that they name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from conftest import ROOT, frame_of
from test_analysis_advice import CALM, question
from test_analysis_compare import run_of

from fanout.report import render
from fanout.runs.reader import Run
from fanout.studies import handshake as _handshake
from fanout.studies import headline as _headline


def run(name: str, *outcomes: Any, cpu_s: float = 0.1, share: float = 0.1) -> Run:
    health = {"cpu_s": cpu_s, "wall_s": 1.0, "cpu_share": share, "lag_ms": CALM["lag_ms"]}
    info = {"coordinators": [{"coordinator": 1, "loop_health": health}], "connections": {"opened": len(outcomes)}}
    return replace(run_of([1.0], info=info, name=name), questions=frame_of(outcomes))


def test_the_suites_name_every_scenario_in_their_folders() -> None:
    for folder, names in (("headline", list(_headline.PUBLISHED)), ("handshake", _handshake.NAMES)):
        found = {path.stem for path in (ROOT / "scenarios" / folder).glob("*.yaml")} - {"base"}
        assert found == set(names)


def test_the_headline_puts_published_and_measured_figures_side_by_side() -> None:
    report = _headline.headline(
        [
            run("a2a-default", question(1, resolving=993), question(2, resolving=2993)),
            run("a2a-tuned", question(1, waiting=13), question(2)),
            run("a2a-default-by-address", question(1)),
        ]
    )
    lines = render(report, "text").splitlines()
    figures = ["1037.00", "6850.00", "59", "2000.00", "2000.00", "3000.00", "2", "0", "2", "resolving", "100%"]
    assert lines[2].split() == ["a2a-default", *figures]
    assert lines[3].split()[-1] != "resolving"
    assert lines[4].split() == [
        "a2a-default-by-address",
        "–",
        "–",
        "–",
        "8.00",
        "8.00",
        "8.00",
        "0",
        "0",
        "1",
        "spread",
    ]
    ratios = render(replace(report, tables=report.tables[1:]), "csv").splitlines()
    assert [line.split(",")[0] for line in ratios] == ["what", "a2a mean", "a2a max"]
    assert float(ratios[1].split(",")[1]) == pytest.approx(98.5, abs=0.05)
    assert float(ratios[1].split(",")[2]) == pytest.approx(2000 / 14)


def test_without_both_runs_there_is_no_ratio() -> None:
    assert len(_headline.headline([run("a2a-default", question(1))]).tables) == 1


def test_the_handshake_s_table_is_of_medians() -> None:
    kept = [run("tcp-sequential-reused", question(1), cpu_s=0.001) for _ in range(3)]
    new = [
        run("tcp-sequential-new", question(1, connecting=1 + extra, tls_handshaking=2), cpu_s=0.003)
        for extra in (0, 2, 90)
    ]
    report = _handshake.handshake([*kept, *new])
    first, *others = render(report, "csv").splitlines()[1:]
    values = first.split(",")
    assert values[0] == "tcp-sequential"
    assert [float(value) for value in values[1:-1]] == pytest.approx([8, 12, 1.5, 4, 5, 5 / 12, 2, 3])
    assert [other.split(",")[1] for other in others] == ["", "", ""]  # which were not run
    assert report.notes[-1].startswith("medians over the runs")


def test_a_saturated_pair_has_no_price() -> None:
    report = _handshake.handshake(
        [run("tcp-concurrent-reused", question(1)), run("tcp-concurrent-new", question(1, connecting=9), share=0.95)]
    )
    (pair,) = [line.split(",") for line in render(report, "csv").splitlines() if line.startswith("tcp-concurrent")]
    assert (pair[4], pair[7], pair[-1]) == ("", "", "true")
    assert "tcp-concurrent (suspect)" in render(report, "text")
    assert "tcp-concurrent: agents that take no time" in report.notes[-1]
