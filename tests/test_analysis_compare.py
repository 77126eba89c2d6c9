from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fanout.analysis.compare import Row, baselines_within, default_limits_baselines, labels
from fanout.analysis.notes import notes
from fanout.analysis.repeats import gathered
from fanout.analysis.run_summary import UNANSWERED, UNKNOWN, summarize
from fanout.analysis.summary import Summary
from fanout.outcome import Outcome
from fanout.runs.reader import Run
from fanout.runs.series import Place
from helpers.runs import compared, frame_of, outcomes_of, row, run_of
from helpers.texts import numbers


def mean_ratio(row: Row) -> float | None:
    ratio = row.ratios["mean_ms"]
    return ratio.value if ratio else None


def test_the_figures_of_a_run() -> None:
    summary = summarize(run_of([1.0, 2.0, 3.0, 102.0], failed=2))
    assert (summary.questions, summary.failed, summary.abandoned) == (6, 2, 0)
    assert (summary.mean_ms, summary.p50_ms, summary.max_ms) == (27.0, 2.5, 102.0)
    assert summary.p95_ms == pytest.approx(87.15)
    assert (summary.over_100ms, summary.connections, summary.questions_per_connection) == (1, 2, 2.0)
    assert summary.default_limits is True
    assert summarize(run_of([1.0], client={"limits": {"max_connections": 50}})).default_limits is False


def test_exactly_100_ms_is_not_over_it() -> None:
    assert summarize(run_of([100.0, 100.1])).over_100ms == 1


@pytest.mark.parametrize("run", [run_of([], failed=3), run_of([None, None])], ids=["all failed", "no service time"])
def test_an_unknown_latency_is_not_0(run: Run) -> None:
    summary = summarize(run)
    assert summary.mean_ms is None and summary.over_100ms is None
    assert {UNKNOWN, UNANSWERED} & set(summary.doubts)
    assert mean_ratio(compared([summary], 1)[0]) is None


def test_latencies_of_only_some_questions_are_noted() -> None:
    unmeasured = notes(compared([summarize(run_of([1.0, None, None]))]))
    assert any("(1 of 3)" in note for note in unmeasured)
    survived = summarize(run_of([1.0], failed=99))
    (failures,) = survived.doubts
    assert numbers(failures) == [99, 100, 1] and "deadline" in failures
    assert any("(1 of 100)" in note for note in notes(compared([survived])))
    assert notes(compared([summarize(run_of([1.0, 2.0]))])) == []


def test_work_is_what_was_asked_in_any_directory() -> None:
    one, other = run_of([1.0, 2.0]), replace(run_of([3.0, 4.0]), directory=Path("results/elsewhere"))
    assert summarize(one).work == summarize(other).work
    more = replace(one, questions=frame_of([*outcomes_of(one), Outcome("0", 1, 2, 1, "ok", adapter_ms=1.0)]))
    assert summarize(one).work != summarize(more).work  # another coordinator
    assert summarize(one).work != summarize(run_of([1.0, 2.0], seed=5)).work
    assert summarize(one).work != summarize(run_of([1.0])).work


def test_ratios_are_means_divided_by_the_mean_of_the_baseline() -> None:
    rows = [row("a", 10.0), row("b", 25.0), row("c", None)]
    found = compared(rows, 1)
    assert [mean_ratio(r) for r in found] == [1.0, pytest.approx(2.5), None]
    assert [r.baseline and r.baseline.label for r in found] == ["a", "a", "a"]
    assert [r.verdict for r in found] == [None, "unclear, one run each", "unknown"]


def test_a_baseline_of_0_gives_no_ratio() -> None:
    rows = [row("a", 0.0), row("b", 5.0)]
    assert [mean_ratio(r) for r in compared(rows, 1)] == [None, None]


def test_a_baseline_of_several_rows_is_matched_by_type_and_name() -> None:
    before = [
        row("/x", 10.0, protocol="GET", source="one_stats.csv"),
        row("/x", 20.0, protocol="POST", source="one_stats.csv"),
        row("ask (first)", 30.0, source="one_stats.csv"),
        row("ask (second)", 40.0, source="one_stats.csv"),
    ]
    after = [replace(summary, source="two_stats.csv") for summary in before] + [row("new")]
    found = compared([*before, *after], 4)
    assert [mean_ratio(r) for r in found] == [1.0] * 8 + [None]
    assert len({r.label for r in found}) == 9


def test_reports_of_locust_are_matched_by_type_and_name() -> None:
    one, *two = (row(name, source=f"{n}_stats.csv", percentiles_ms={}) for n, name in ((1, "/a"), (2, "/a"), (2, "/b")))
    found = compared([one, *two, row("run")], 1)
    assert [r.baseline and r.baseline.label for r in found] == [found[0].label, found[0].label, None, found[0].label]


def test_rows_of_one_report_of_locust_are_a_table() -> None:
    rows = gathered([row("/a", percentiles_ms={}), row("/b", percentiles_ms={})])
    assert baselines_within(rows) == [None, None]


def test_groups_give_their_labels() -> None:
    summaries = [row("/a"), row("/a"), row("/b"), row("/b", protocol="GET"), row("/a")]
    assert labels(summaries[:2], ["old", "new"]) == ["old", "new"]
    assert labels(summaries, ["old", "new", "new", "new", ""]) == ["old", "new /a", "new a2a /b", "new GET /b", "/a"]
    of_locust = [row("/a", protocol=kind, source="x_stats.csv", percentiles_ms={}) for kind in ("GET", "POST")]
    assert labels(of_locust) == ["GET /a", "POST /a"]


def test_default_limits_are_the_baseline_of_their_protocol() -> None:
    rows = [
        row("a2a-tuned", default_limits=False),
        row("a2a-default", default_limits=True),
        row("a2a-again", default_limits=True),
        row("anp-tuned", protocol="anp", default_limits=False),
    ]
    found = [base and base.summary.name for base in default_limits_baselines(gathered(rows))]
    assert found == ["a2a-default", "a2a-default", "a2a-default", None]
    tuned = gathered(rows[:1] + rows[3:])
    assert baselines_within(tuned) == [tuned[0]] * 2


def test_rows_of_the_same_name_get_different_labels() -> None:
    found = labels([row("a", source="results/1-a"), row("a", source="results/2-a/"), row("b")])
    assert found == ["a (1-a)", "a (2-a)", "b"]
    assert labels([row("a", source="x/run"), row("a", source="y/run")]) == ["a (x/run)", "a (y/run)"]
    assert len(set(labels([row("a"), row("a"), row("a")]))) == 3


def test_runs_of_one_scenario_are_told_apart_by_what_differs() -> None:
    clients = [{"limits": {"max_keepalive_connections": number}} for number in (8, 16)]
    one, two = (summarize(run_of([1.0], client=client)) for client in clients)
    assert labels([one, two]) == ["small (max_keepalive_connections 8)", "small (max_keepalive_connections 16)"]
    same = [replace(one, source=f"results/{n}") for n in (1, 2)]
    assert labels(same) == ["small (1)", "small (2)"]
    without_scenario = replace(two, run=None, source="results/2")
    assert labels([same[0], without_scenario]) == ["small (1)", "small (2)"]


def test_runs_are_compared_over_the_questions_that_both_answered() -> None:
    """The slow question fails, so by the plain means the failing run would look faster."""
    whole = run_of([10.0, 20.0, 90.0])
    answers = outcomes_of(whole)
    failing = replace(answers[2], status="failed", adapter_ms=None, error_kind="deadline", error="late")
    slower = [replace(outcome, adapter_ms=(outcome.adapter_ms or 0) * 1.5) for outcome in answers[:2]]
    part = replace(whole, questions=frame_of([*slower, failing]))
    (_, row_of_part) = compared([summarize(whole), summarize(part)], 1)
    assert mean_ratio(row_of_part) == pytest.approx(1.5)
    assert row_of_part.summary.mean_ms == pytest.approx(22.5)  # its own mean
    with_failures = set(notes([row_of_part]))
    # The other note says that there is one run each.
    assert len(with_failures - set(notes([replace(row_of_part, baseline=None)]))) == 2
    none = replace(whole, questions=frame_of([replace(failing, question_id=str(n)) for n in range(3)]))
    assert mean_ratio(compared([summarize(whole), summarize(none)], 1)[1]) is None


def test_repeats_are_compared_in_pairs() -> None:
    def at(place: int, repeat: int, mean_ms: float) -> Summary:
        return row("abc"[place], mean_ms, place=Place("s", place, repeat))

    runs = [
        at(place, n, drift * times) for n, drift in enumerate((10.0, 20.0, 40.0)) for place, times in ((0, 1), (1, 1.3))
    ]
    _, other = compared(runs, 1)
    ratio = other.ratios["mean_ms"]
    assert ratio is not None and ratio.low is not None
    assert (other.verdict, ratio.runs) == ("slower", 3)
    assert ratio.low == pytest.approx(1.3)  # the drift, which hit both, is not noise
