from __future__ import annotations

import pytest

from fanout.report import render
from fanout.studies.handshake import HANDSHAKE
from helpers.runs import question
from helpers.studies import run


def test_the_handshake_s_table_is_of_medians() -> None:
    kept = [run("tcp-sequential-reused", question(1), cpu_s=0.001) for _ in range(3)]
    new = [
        run("tcp-sequential-new", question(1, connecting=1 + extra, tls_handshaking=2), cpu_s=0.003)
        for extra in (0, 2, 90)
    ]
    report = HANDSHAKE.report([*kept, *new])
    first, *others = render(report, "csv").splitlines()[1:]
    values = first.split(",")
    assert values[0] == "tcp-sequential"
    assert [float(value) for value in values[1:-1]] == pytest.approx([8, 12, 1.5, 4, 5, 5 / 12, 2, 3])
    assert [other.split(",")[1] for other in others] == ["", "", ""]  # which were not run
    assert report.notes[-1].startswith("medians over the runs")


def test_a_saturated_pair_has_no_price() -> None:
    report = HANDSHAKE.report(
        [run("tcp-concurrent-reused", question(1)), run("tcp-concurrent-new", question(1, connecting=9), share=0.95)]
    )
    (pair,) = [line.split(",") for line in render(report, "csv").splitlines() if line.startswith("tcp-concurrent")]
    assert (pair[4], pair[7], pair[-1]) == ("", "", "true")
    assert "tcp-concurrent (suspect)" in render(report, "text")
    assert "tcp-concurrent: the agents take no time" in report.notes[-1]
