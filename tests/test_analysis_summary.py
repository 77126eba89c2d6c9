from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fanout.analysis.run_summary import NEGATIVE, UNANSWERED, summarize
from fanout.phases import PHASES
from fanout.runs.reader import Run
from fanout.scenario import Arrivals
from helpers.runs import CALM, frame_of, info_of, question, run_of
from helpers.texts import numbers


def with_phases(*outcomes: Any, **info: Any) -> Run:
    return replace(run_of([1.0], info=info), questions=frame_of(outcomes))


def test_phases_are_means_over_the_measured_questions() -> None:
    summary = summarize(with_phases(question(1, resolving=9), question(2, resolving=3)))
    assert summary.phases_ms is not None
    assert list(summary.phases_ms) == list(PHASES)
    assert summary.phases_ms["resolving"] == 6
    assert sum(summary.phases_ms.values()) == pytest.approx(summary.mean_ms)


def test_a_run_without_phases_has_none() -> None:
    summary = summarize(run_of([1.0, 2.0]))
    assert (summary.phases_ms, summary.cause) == (None, None)


@pytest.mark.parametrize(
    ("resolving", "cause"), [(93.0, "resolving 93%"), (7.0, "spread"), (7.2, "resolving 51%")],
)  # fmt: skip
def test_the_cause_is_the_phase_with_more_than_half(resolving: float, cause: str) -> None:
    summary = summarize(with_phases(question(1, resolving=resolving)))
    assert summary.cause_in_words == cause
    assert summary.cause == cause.split(maxsplit=1)[0]


def test_a_saturated_run_is_suspect() -> None:
    coordinators = [{"coordinator": 1, "loop_health": {**CALM, "cpu_share": 0.9}}]
    assert summarize(with_phases(question(1), coordinators=coordinators)).suspect
    assert not summarize(with_phases(question(1))).suspect


def test_impossible_service_times_make_a_run_suspect() -> None:
    assert summarize(with_phases(question(1, sending=-2500))).suspect == (NEGATIVE,)


def test_a_run_without_an_answer_names_its_failures() -> None:
    failures, unanswered = summarize(run_of([], failed=3)).doubts
    assert numbers(failures) == [3, 3, 1] and "deadline" in failures and "late" in failures
    assert unanswered == UNANSWERED


def test_late_questions_are_counted_where_questions_have_an_intended_start() -> None:
    late = with_phases(question(1, late=11), question(2, late=9), question(3, late=500))
    assert (summarize(late).late, summarize(late).latest_ms) == (None, None)
    info = info_of(coordinators=[{"coordinator": 1, "arrivals": {"due": 8, "not_started": 5}}])
    scenario = late.scenario.model_copy(update={"arrivals": Arrivals(rate=5)})
    summary = summarize(replace(late, scenario=scenario, info=info))
    assert (summary.late, summary.latest_ms) == (2 + 5, 500)
