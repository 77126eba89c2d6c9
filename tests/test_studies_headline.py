from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from conftest import frame_of
from test_analysis_advice import CALM, question
from test_analysis_compare import run_of

from fanout.report import render
from fanout.runs.reader import Run
from fanout.studies.headline import HEADLINE


def run(name: str, *outcomes: Any, cpu_s: float = 0.1, share: float = 0.1) -> Run:
    health = {"cpu_s": cpu_s, "wall_s": 1.0, "cpu_share": share, "lag_ms": CALM["lag_ms"]}
    info = {"coordinators": [{"coordinator": 1, "loop_health": health}], "connections": {"opened": len(outcomes)}}
    return replace(run_of([1.0], info=info, name=name), questions=frame_of(outcomes))


def test_the_headline_puts_published_and_measured_figures_side_by_side() -> None:
    report = HEADLINE.report(
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
    assert len(HEADLINE.report([run("a2a-default", question(1))]).tables) == 1
