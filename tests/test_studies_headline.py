from __future__ import annotations

from dataclasses import replace

import pytest

from fanout.report import render
from fanout.studies.headline import HEADLINE
from helpers.runs import question
from helpers.studies import run


def test_the_headline_puts_published_and_measured_figures_side_by_side() -> None:
    report = HEADLINE.report(
        [
            run("a2a-default", question(1, resolving=993), question(2, resolving=2993)),
            run("a2a-tuned", question(1, waiting=13), question(2)),
            run("a2a-default-by-address", question(1)),
        ]
    )
    assert len(report.takeaways) == 3
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


def test_another_library_is_compared_with_the_published_cure() -> None:
    slow, fast = question(1, resolving=1992), question(1, waiting=12)
    report = HEADLINE.report([run("a2a-default", slow), run("a2a-aiohttp", fast, client={"library": "httpx-aiohttp"})])
    (mean, largest) = report.tables[1].rows
    assert (mean.what, largest.what) == ("a2a, httpx-aiohttp instead mean", "a2a, httpx-aiohttp instead max")
    assert mean.published == pytest.approx(98.5, abs=0.05)
    assert mean.measured == pytest.approx(1999 / 19)
