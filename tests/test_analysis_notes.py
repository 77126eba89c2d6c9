from __future__ import annotations

from fanout.analysis.compare import compare_with, one_baseline
from fanout.analysis.notes import notes, sentences, unmatched
from fanout.analysis.repeats import gathered
from fanout.runs.series import Place
from helpers.runs import compared, row


def test_notes_say_what_is_wrong_and_end_with_what_to_do() -> None:
    rows = [row("a", work="32 agents"), row("b", work="8 agents", problems=("it broke off: do it again",))]
    told = notes(compared(rows, 1))
    assert told[0] == "b: it broke off: do it again"
    assert told[1].startswith("b did other work than its baseline a")
    assert told[2].startswith("each ratio is of two single runs")
    assert not notes(compared(rows[:1]))


def test_rows_that_are_unlike_the_same_baseline_are_told_together() -> None:
    failing = [row(name, work="32 agents", failed=1) for name in "def"]
    told = notes(compared([row("a", work="32 agents"), row("b", work="8"), row("c", work="9"), *failing], 1))
    assert [note.partition(":")[0] for note in told[:2]] == [
        "b, c did other work than their baseline a (agents, coordinators, questions, seed or service times differ)",
        "d, e, f are compared with a by the questions that were answered in both",
    ]
    assert len(told) == 3


def test_whose_latencies_a_table_shows_is_told_once() -> None:
    part = [row(name, measured=count) for name, count in (("a", 5), ("b", 7), ("c", 8), ("d", 0))]
    assert notes(compared(part[:1])) == [
        "the latencies of a (5 of 8) are those of so many of its questions; see questions.csv for the rest"
    ]
    (told,) = notes(compared(part))
    assert told.startswith("the latencies of a (5 of 8), b (7 of 8) are those of so many of their questions; see")


def test_sentences_say_how_rows_differ() -> None:
    runs = [
        row(name, mean_ms * drift, place=Place("s", place, repeat))
        for repeat, drift in enumerate((1.0, 1.1, 0.9))
        for place, (name, mean_ms) in enumerate((("base", 10.0), ("slow", 20.0), ("fast", 0.1), ("unknown", 0.0)))
    ]
    assert sentences(compared(runs, 1)) == [
        "slow is slower than base: 2.00 times its mean adapter latency (2.00 to 2.00)",
        "fast is faster than base: 0.01 times its mean adapter latency (0.01 to 0.01)",
        "unknown against base: not known, since one of them has no latencies",
    ]
    single = sentences(compared([row("base"), row("other", 15.0)], 1))
    assert single == ["other against base: 1.50 times its mean adapter latency, noise unknown"]


def test_what_has_no_counterpart_in_a_baseline_is_said() -> None:
    repeats = gathered([row("a"), row("b"), row("c")])
    rows = compare_with(repeats, one_baseline(repeats, repeats[:2]))
    assert unmatched(rows, repeats[:2]) == [
        "c has no counterpart of its protocol and name in the baseline: save one, or name a single run"
    ]
    assert unmatched(compare_with(repeats, [None] * 3), []) == []
