from __future__ import annotations

import pytest

from fanout.analysis.compare import compare_with, one_baseline
from fanout.analysis.gate_results import Judgement, judge
from fanout.analysis.metrics import measured
from fanout.analysis.repeats import gathered
from fanout.analysis.run_summary import summarize
from fanout.analysis.summary import Summary
from fanout.scenario.gate_syntax import parse_gate
from helpers.runs import row, run_of

REPORT = row(
    "/a",
    3.0,
    p50_ms=2.0,
    p95_ms=9.0,
    max_ms=12.0,
    source="out/x_stats.csv",
    percentiles_ms={95.0: 9.0, 98.0: 11.0, 99.9: 12.0},
)
FAILING = row("/a", 3.0, p95_ms=9.0, failed=2, source="out/x_stats.csv", percentiles_ms={95.0: 9.0})
NOTHING = row("/a", None, source="out/x_stats.csv", percentiles_ms={})


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("adapter.mean", 3.0),
        ("adapter.p50", 2.0),
        ("adapter.p95", 9.0),
        ("adapter.p98", 11.0),
        ("adapter.p99.9", 12.0),
        ("adapter.max", 12.0),
        ("adapter.p99", None),
        ("adapter.p90", None),
        ("round_trip.p95", None),
        ("phase.resolving.mean", None),
        ("questions", 8),
        ("ok", 8),
        ("failed", 0),
        ("failed.share", 0),
        ("abandoned", None),
        ("agents", None),
        ("suspect", None),
        ("problems", None),
    ],
)
def test_what_a_report_has_is_known(metric: str, expected: float | None) -> None:
    assert measured(metric, REPORT) == expected


def judged(gate: str, *summaries: Summary) -> Judgement:
    repeats = gathered(summaries)
    found = judge(compare_with(repeats, one_baseline(repeats, repeats[:1]))[-1:], [parse_gate(gate)], implied=False)
    return found[0]


@pytest.mark.parametrize(
    ("gate", "summary", "metric", "why"),
    [
        ("adapter.p99 < 9 ms", REPORT, "adapter.p99", "x_stats.csv has no column 99%"),
        ("adapter.mean < adapter.p97", REPORT, "adapter.p97", "x_stats.csv has no column 97%"),
        ("adapter.p95 < 9 ms", NOTHING, "adapter.p95", "x_stats.csv has no column 95%"),
        ("adapter.mean < 9 ms", NOTHING, "adapter.mean", "x_stats.csv has no response time"),
        ("adapter.p95 < 9 ms", FAILING, "adapter.p95", "2 of its requests failed"),
        ("connections.opened < 9", REPORT, "connections.opened", "doesn't tell it"),
    ],
)
def test_what_a_report_lacks_is_no_reason_to_run_again(gate: str, summary: Summary, metric: str, why: str) -> None:
    found = judged(gate, summary)
    assert found.result == "no data"
    assert found.value.startswith(f"{metric} is unknown: ") and why in found.value
    assert "run it again" not in found.remedy and "leave the gate out" in found.remedy


def test_the_remedy_names_the_percentiles_that_are_there() -> None:
    assert judged("adapter.p99 < 9 ms", REPORT).remedy.endswith("mean, p50, p95, p98, p99.9, max")


def test_a_baseline_without_the_percentile_is_named() -> None:
    other = row("/a", 3.0, source="out/before_stats.csv", percentiles_ms={})
    found = judged("adapter.p98 < 1.2 * baseline", other, REPORT)
    assert found.result == "no data" and "before_stats.csv has no column 98%" in found.value


def test_what_a_run_lacks_is_still_to_be_run_again() -> None:
    found = judged("adapter.p95 < 9 ms", summarize(run_of([])))
    assert (found.value, "run it again" in found.remedy) == ("adapter.p95 is unknown", True)
