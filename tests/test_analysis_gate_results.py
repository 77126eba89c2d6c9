from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from fanout.analysis.compare import Row, compare_with, one_baseline
from fanout.analysis.gate_results import Judgement, judge, summary_sentences
from fanout.analysis.repeats import gathered
from fanout.analysis.run_summary import summarize
from fanout.analysis.summary import Summary
from fanout.runs.reader import Run
from fanout.runs.series import Place
from fanout.scenario.gate_syntax import parse_gate
from helpers.noise import Noise, disturbed, heavy_tailed, normal
from helpers.runs import frame_of, outcomes_of, row, run_of

COMPARISONS = 300


def runs(
    place: int, means: Sequence[float], *, opened: int = 2, failed: int = 0, gates: Sequence[str] = ()
) -> list[Summary]:
    """The runs of one configuration, each with two questions whose mean is given."""
    info = {"connections": {"opened": opened}}
    return [
        replace(
            summarize(run_of([mean - 1, mean + 1], failed=failed, info=info, name=f"at-{place}", gates=list(gates))),
            place=Place("s", place, repeat),
        )
        for repeat, mean in enumerate(means, 1)
    ]


def at(place: int, repeat: int, run: Run) -> Summary:
    return replace(summarize(run), place=Place("s", place, repeat), name=f"at-{place}")


def rows(*configurations: list[Summary], baseline: bool = True) -> list[Row]:
    repeats = gathered(summary for found in configurations for summary in found)
    return compare_with(repeats, one_baseline(repeats, repeats[:1]) if baseline else [None] * len(repeats))


def judged(gate: str, *configurations: list[Summary], baseline: bool = True) -> list[Judgement]:
    return judge(rows(*configurations, baseline=baseline), [parse_gate(gate)], implied=False)


@pytest.mark.parametrize(
    ("gate", "result", "value", "bound"),
    [
        ("adapter.mean < 20 ms", "passed", "15.0 ms", "allowed: < 20 ms"),
        ("adapter.mean < 15 ms", "failed", "15.0 ms", "allowed: < 15 ms"),
        ("connections.opened <= 2", "passed", "2", "allowed: <= 2"),
        ("connections.opened <= agents", "passed", "2", "allowed: <= agents, which is 4"),
        ("connections.opened > agents", "failed", "2 in one of 2 runs", "allowed: > agents, which is 4"),
        ("failed.share <= 2 %", "passed", "0.00 %", "allowed: <= 2 %"),
        ("adapter.p95 < 1.1 * adapter.mean", "passed", "15.9 ms", "allowed: < 1.1 * adapter.mean, which is 16.5 ms"),
        ("adapter.max < 20 ms", "failed", "21.0 ms in one of 2 runs", "allowed: < 20 ms"),  # in one of the runs
        ("adapter.mean < 14.999999 ms", "failed", "15.000000 ms", "allowed: < 14.999999 ms"),
    ],
)
def test_a_gate_passes_or_fails(gate: str, result: str, value: str, bound: str) -> None:
    (found,) = judged(gate, runs(1, [10.0, 20.0]))  # a duration is the mean over the runs
    assert (found.result, found.value, found.bound) == (result, value, bound)
    assert found.passed is (result == "passed")


def test_a_gate_on_a_count_must_hold_in_every_run() -> None:
    mixed = [*runs(1, [10.0]), replace(runs(1, [10.0], failed=3)[0], place=Place("s", 1, 2))]
    (found,) = judged("failed == 0", mixed)
    assert (found.result, found.value) == ("failed", "3 in one of 2 runs")


@pytest.mark.parametrize("gate", ["phase.resolving.mean < 5 ms", "coordinator.cpu_ms < 5 ms", "connections.reused < 5"])
def test_an_unknown_metric_does_not_pass(gate: str) -> None:
    (found,) = judged(gate, runs(1, [10.0]))
    assert (found.result, found.passed) == ("no data", False)
    assert found.remedy
    assert gate.split(maxsplit=1)[0] in found.value


@pytest.mark.parametrize(
    ("means", "result", "value"),
    [
        ([10.0, 11.0, 10.5], "passed", "1.05 times ("),
        ([11.9, 12.1, 12.0], "undecided", "1.20 times ("),  # the point is at the bound
        ([9.0, 15.0, 11.0], "undecided", "1.14 times ("),  # the point is below the bound, the interval is not
        ([15.0, 15.1, 14.9], "failed", "1.50 times ("),
        ([15.0], "undecided", "1.50 times ("),
        ([150.0], "undecided", "15.00 times ("),  # two questions are too few
        ([15.0, 15.0], "undecided", "1.50 times ("),
    ],
)
def test_a_gate_against_a_baseline_is_judged_by_the_interval(means: list[float], result: str, value: str) -> None:
    compared = rows(runs(1, [10.0] * len(means)), runs(2, means))
    gate = [parse_gate("adapter.mean < 1.2 * baseline")]
    (found,) = judge(compared, gate, implied=False)
    assert (found.result, found.passed) == (result, result != "failed")
    assert found.value.startswith(value)
    assert "1.2" in found.bound and "at-1" in found.bound
    (strict,) = judge(compared, gate, implied=False, strict=True)
    assert (strict.result, strict.passed) == ("not shown" if result == "undecided" else result, result == "passed")
    assert bool(strict.remedy) is (result == "undecided")


@pytest.mark.parametrize(
    ("times", "metric", "result"),
    [
        (0.1, "adapter.mean", "passed"),
        (1.1, "adapter.mean", "undecided"),
        (4.0, "adapter.mean", "undecided"),  # less than MUCH above the bound
        (7.0, "adapter.mean", "failed"),
        (7.0, "adapter.p95", "failed"),
        (60.0, "adapter.max", "undecided"),  # depends on one question
    ],
)
def test_single_runs_decide_a_gate_if_they_differ_much(times: float, metric: str, result: str) -> None:
    before = [float(ms) for ms in range(10, 60)]
    base, run = at(1, 1, run_of(list(before))), at(2, 1, run_of([times * ms for ms in before]))
    (found,) = judged(f"{metric} < 1.2 * baseline", [base], [run])
    assert found.result == result


def failures(noise: Noise, factor: float, *, base_runs: int, new_runs: int, stored: bool) -> int:
    """How many of COMPARISONS gates fail on unchanged code."""
    generator, failed = np.random.default_rng(11), 0
    gate = parse_gate(f"adapter.mean < {factor} * baseline")
    for _ in range(COMPARISONS):
        before, after = (
            [replace(row("x", float(100 * np.exp(found))), place=Place(series, place, repeat))
             for repeat, found in enumerate(noise(generator, count), 1)]
            for series, place, count in (("s", 1, base_runs), ("t" if stored else "s", 2, new_runs))
        )  # fmt: skip
        compared = compare_with(gathered([*before, *after]), [None, None])
        found, *_ = judge([replace(compared[1], baseline=compared[0])], [gate], implied=False)
        failed += found.result == "failed"
        assert found.result != "no data"
    return failed


@pytest.mark.slow
@pytest.mark.parametrize("noise", [normal, heavy_tailed, disturbed])
@pytest.mark.parametrize(
    ("factor", "base_runs", "new_runs", "stored"),
    [
        (1.0, 5, 5, False),
        (1.0, 3, 3, False),
        (1.0, 5, 5, True),
        (1.2, 5, 5, True),
        (1.0, 1, 1, True),
        (1.2, 5, 1, True),
    ],
)
def test_unchanged_code_fails_a_gate_in_at_most_one_of_twenty_cases(
    noise: Noise, factor: float, base_runs: int, new_runs: int, *, stored: bool
) -> None:
    assert failures(noise, factor, base_runs=base_runs, new_runs=new_runs, stored=stored) <= COMPARISONS // 20


def test_a_gate_against_a_baseline_covers_the_questions_that_both_answered() -> None:
    """Otherwise a run in which the slow question times out would pass."""
    before = [5.0] * 9 + [500.0]
    base = [at(1, repeat, run_of(list(before))) for repeat in (1, 2, 3)]
    slow = {"status": "failed", "adapter_ms": None, "error_kind": "deadline", "error": "late"}
    answers = outcomes_of(run_of([9.0] * 10))
    part = frame_of([*answers[:9], replace(answers[9], **slow)])  # type: ignore[arg-type]
    failing = [at(2, repeat, replace(run_of([9.0] * 10), questions=part)) for repeat in (1, 2, 3)]
    (found,) = judged("adapter.mean < 1.2 * baseline", base, failing)
    assert (found.result, found.value) == ("failed", "1.80 times (1.80 to 1.80)")


def test_counts_against_a_baseline_have_no_noise() -> None:
    (found,) = judged("connections.opened <= 1.5 * baseline", runs(1, [9.0], opened=4), runs(2, [9.0], opened=6))
    assert (found.result, found.bound) == ("passed", "allowed: <= 1.5 * baseline, which is 6")
    (found,) = judged("connections.opened <= 1.5 * baseline", runs(1, [9.0], opened=4), runs(2, [9.0], opened=7))
    assert found.result == "failed"


def test_without_a_baseline_there_is_no_data() -> None:
    (found,) = judged("adapter.mean < 1.2 * baseline", runs(1, [10.0] * 3), baseline=False)
    assert found.result == "no data"
    (alone,) = judged("adapter.mean < 1.2 * baseline", runs(1, [10.0] * 3))  # only itself
    assert alone.result == "no data"


def test_the_gates_of_the_scenario_are_judged_too_and_each_once() -> None:
    configured = rows(runs(1, [10.0], gates=["adapter.mean < 9 ms", "failed == 0"]))
    found = judge(configured, [parse_gate("failed == 0"), parse_gate("ok == 2")])
    assert [(str(judgement.gate), judgement.passed) for judgement in found] == [
        ("abandoned == 0", True),
        ("adapter.mean < 9 ms", False),
        ("failed == 0", True),
        ("ok == 2", True),
    ]
    assert not judge(rows(runs(1, [10.0])), implied=False)


def test_the_sentences_about_all_gates() -> None:
    good, bad = judged("ok == 2", runs(1, [1.5])), judged("ok == 3", runs(1, [1.5]))
    assert summary_sentences([]) == []
    assert summary_sentences(judge(rows(runs(1, [1.5])))) == ["no question failed"]
    assert summary_sentences(good) == ["1 gate passed"]
    assert summary_sentences(good * 2) == ["all 2 gates passed"]
    assert summary_sentences([*good, *bad]) == ["1 of 2 gates did not pass", "at-1: ok == 3: failed, 2 (allowed: == 3)"]
