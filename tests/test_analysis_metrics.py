from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fanout.analysis.metrics import measured
from fanout.analysis.run_summary import summarize
from fanout.outcome import Outcome
from fanout.runs.reader import Run
from fanout.scenario.metrics import METRICS
from helpers.runs import CALM, frame_of, question, row, run_of

FAILED = Outcome("9", 1, 1, 1, "failed", "deadline", "late", in_flight=1)
INFO: dict[str, Any] = {
    "ended_by": "rounds_done",
    "connections": {"opened": 7, "reused": 4, "closed_by_us": 3, "closed_by_peer": 2},
    "coordinators": [
        {"coordinator": 1, "loop_health": CALM},
        {"coordinator": 2, "loop_health": {**CALM, "cpu_share": 0.5}},
    ],
}


def run(*outcomes: Outcome, **info: Any) -> Run:
    told = {**INFO, "questions": {"dispatched": len(outcomes)}, **info}
    return replace(run_of([], info=told, agents=32, arrivals={"rate": 5}), questions=frame_of(outcomes))


def value(metric: str, *outcomes: Outcome, **info: Any) -> float | None:
    return measured(metric, summarize(run(*outcomes, **info)))


FIVE = [question(n, resolving=10.0 * n, reused=n > 2) for n in range(1, 5)] + [FAILED]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("adapter.mean", 32.0),  # 7 ms besides resolving
        ("adapter.p50", 32.0),
        ("adapter.p95", 45.5),
        ("adapter.p99.9", 46.97),
        ("phase.resolving.p75", 32.5),
        ("adapter.max", 47.0),
        ("round_trip.max", 147.0),
        ("service.mean", 100.0),
        ("phase.resolving.p90", 37.0),
        ("phase.tls_handshaking.max", 0.0),
        ("agents", 32),
        ("questions", 5),
        ("ok", 4),
        ("failed", 1),
        ("abandoned", 0),
        ("failed.share", 0.2),
        ("reused.share", 0.5),
        ("over_100ms", 0),
        ("connections.opened", 7),
        ("connections.reused", 4),
        ("connections.closed_by_us", 3),
        ("connections.closed_by_peer", 2),
        ("coordinator.cpu_share", 0.5),
        ("coordinator.cpu_ms", 40.0),
        ("coordinator.lag_p50", 0.5),
        ("coordinator.lag_p99", 3.0),
        ("suspect", 0),
        ("problems", 2),  # the failure, and that the latencies cover only the other questions
    ],
)
def test_the_value_of_each_metric(metric: str, expected: float) -> None:
    assert value(metric, *FIVE) == pytest.approx(expected)


def test_every_metric_is_known_for_a_whole_run_and_unknown_for_a_broken_one() -> None:
    whole, interrupted, incomplete = (
        summarize(run(*FIVE, **info)) for info in ({}, {"ended_by": "interrupted"}, {"questions": {"dispatched": 6}})
    )
    for metric in METRICS:
        assert measured(metric, whole) is not None
        assert measured(metric, interrupted) is measured(metric, incomplete) is None


def test_a_duration_that_is_unknown_for_one_answer_is_unknown() -> None:
    silent = replace(question(9), adapter_ms=None, service_ms=None, phases_ms=None)
    for metric in ("adapter.mean", "service.max", "phase.resolving.p50", "over_100ms"):
        assert value(metric, question(1), silent) is None
    assert value("adapter.mean", FAILED) is None
    assert value("reused.share", FAILED) is None


def test_what_a_coordinator_did_not_report_is_unknown() -> None:
    for metric in ("coordinator.cpu_share", "coordinator.lag_p99"):
        assert value(metric, *FIVE, coordinators=[*INFO["coordinators"], {"coordinator": 3}]) is None
    assert value("connections.opened", *FIVE, connections={"opened": None}) is None
    silent = [*INFO["coordinators"], {"coordinator": 3, "loop_health": None}]
    for metric in ("coordinator.cpu_ms", "suspect"):
        assert value(metric, *FIVE, coordinators=silent) is None
        assert value(metric, *FIVE, coordinators=[]) is None


def test_a_locust_file_has_some_metrics() -> None:
    summary = row("x", 3.0, p95_ms=9.0)
    assert [measured(name, summary) for name in ("adapter.mean", "adapter.p95", "failed", "questions")] == [3, 9, 0, 8]
    mixed = replace(summary, failed=2)
    assert [measured(name, mixed) for name in ("adapter.mean", "failed")] == [None, 2]
    assert measured("adapter.p99", summary) is None
    assert (measured("ok", summary), measured("failed.share", mixed)) == (8, 0.25)
    assert measured("connections.opened", summary) is None
