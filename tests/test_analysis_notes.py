from __future__ import annotations

from fanout.analysis.advice import Advice
from fanout.analysis.compare import compare_with, one_baseline
from fanout.analysis.notes import TOO_FEW, notes, sentences, unmatched
from fanout.analysis.repeats import gathered
from fanout.runs.series import Place
from helpers.runs import compared, row
from helpers.texts import numbers


def test_notes_name_problems_other_work_and_too_few_runs_in_this_order() -> None:
    rows = [row("a", work="32 agents"), row("b", work="8 agents", problems=("it broke off: run it again",))]
    told = notes(compared(rows, 1))
    assert told[0] == "b: it broke off: run it again"
    assert told[1].startswith("b ") and " baseline a " in told[1]
    assert told[2] == TOO_FEW["unclear, one run each"]
    assert notes(compared(rows[:1])) == []


def test_problems_that_differ_in_their_numbers_only_are_one_line() -> None:
    rows = [row(name, problems=(f"{n} questions broke off",), suspect=("it was slow",)) for n, name in enumerate("abc")]
    assert notes(compared(rows)) == [
        "a: 0 questions broke off (also b, c)",
        "a: suspect, it was slow (also b, c)",
    ]


def test_a_saturated_coordinator_is_not_noted_if_there_is_advice_on_it() -> None:
    reasons = ("coordinator 1 used 97% of a CPU", "all CPUs were busy")
    said = Advice("coordinator 1 used 97% of a CPU", "use one client per agent", rule="saturated")
    assert len(notes(compared([row("a", suspect=reasons)]))) == 2
    assert len(notes(compared([row("a", suspect=reasons, advice=(said,))]))) == 1
    repeated = [f"in 1 of 3 runs: {reason}" for reason in reasons]
    assert len(notes(compared([row("a", suspect=repeated, advice=(said,))]))) == 1


def test_rows_that_differ_from_the_same_baseline_are_noted_together() -> None:
    failing = [row(name, work="32 agents", failed=1) for name in "def"]
    told = notes(compared([row("a", work="32 agents"), row("b", work="8"), row("c", work="9"), *failing], 1))
    assert [note.partition(" ")[0] for note in told[:2]] == ["b,", "d,"]
    assert told[0].startswith("b, c ") and told[1].startswith("d, e, f ")
    assert len(told) == 3


def test_rows_with_latencies_of_only_some_questions_are_noted_once() -> None:
    part = [row(name, measured=count) for name, count in (("a", 5), ("b", 7), ("c", 8), ("d", 0))]
    (told,) = notes(compared(part[:1]))
    assert "a (5 of 8)" in told
    (told,) = notes(compared(part))
    assert "a (5 of 8), b (7 of 8)" in told and "(8 of 8)" not in told


def test_sentences_say_how_rows_differ() -> None:
    runs = [
        row(name, mean_ms * drift, place=Place("s", place, repeat))
        for repeat, drift in enumerate((1.0, 1.1, 0.9))
        for place, (name, mean_ms) in enumerate((("base", 10.0), ("slow", 20.0), ("fast", 0.1), ("unknown", 0.0)))
    ]
    assert sentences(compared(runs, 1)) == [
        "slow is slower than base: 2.00 times its mean adapter latency (2.00 to 2.00)",
        "fast is faster than base: 0.01 times its mean adapter latency (0.01 to 0.01)",
        "unknown against base: unknown, since one of them has no latencies",
    ]
    single = sentences(compared([row("base"), row("other", 15.0)], 1))
    assert single == ["other against base: unclear, one run each, 1.50 times its mean adapter latency"]


def test_rows_without_a_counterpart_in_the_baseline_are_named() -> None:
    repeats = gathered([row("a"), row("b"), row("c")])
    rows = compare_with(repeats, one_baseline(repeats, repeats[:2]))
    (text,) = unmatched(rows, repeats[:2])
    assert text.startswith("c ")
    assert unmatched(compare_with(repeats, [None] * 3), []) == []


def test_questions_that_could_not_start_in_time_are_noted_unless_there_is_advice_on_them() -> None:
    said = Advice("2 of 8 questions started late", "", rule="late_starts")
    (told,) = notes(compared([row("a", late=2, latest_ms=70.0), row("b", late=0), row("c")]))
    assert told.startswith("a: ") and numbers(told)[:3] == [2, 10, 70]
    assert notes(compared([row("a", late=2, advice=(said,))])) == []
