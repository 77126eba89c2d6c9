from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fanout.analysis.advice import Advice
from fanout.analysis.repeats import gathered, grouped
from fanout.analysis.summary import Failure, Summary
from fanout.phases import PHASES
from fanout.runs.series import Place
from helpers.runs import row
from helpers.texts import numbers


def at(place: int, repeat: int, mean_ms: float | None = 10.0, *, series: str = "s", **keys: Any) -> Summary:
    source = f"results/{series}/{place}-{repeat}"
    return row("a", **{"mean_ms": mean_ms, "source": source, "place": Place(series, place, repeat), **keys})


def test_runs_at_one_place_of_one_series_form_one_row() -> None:
    summaries = [at(1, 2), at(2, 1), at(1, 1), at(1, 1, series="t"), row("a"), row("a")]
    found = [
        [run.place and (run.place.series, run.place.repeat) for run in repeats.runs] for repeats in gathered(summaries)
    ]
    assert found == [[("s", 1), ("s", 2)], [("s", 1)], [("t", 1)], [None], [None]]


def test_combined_counts_are_totals_and_durations_are_means() -> None:
    phases = [{**dict.fromkeys(PHASES, 1.0), "resolving": resolving} for resolving in (1.0, 3.0)]
    first = at(
        1, 1, 10.0, p50_ms=4.0, p95_ms=30.0, max_ms=31.0, over_100ms=1, connections=8, failed=1, phases_ms=phases[0]
    )
    second = at(1, 2, 20.0, p50_ms=6.0, p95_ms=50.0, max_ms=90.0, over_100ms=2, connections=4, phases_ms=phases[1])
    (repeats,) = gathered([replace(first, failed=1), second])
    whole = repeats.summary
    assert (whole.mean_ms, whole.p50_ms, whole.p95_ms, whole.max_ms) == (15.0, 5.0, 40.0, 90.0)
    assert (whole.questions, whole.failed, whole.over_100ms, whole.connections) == (16, 1, 3, 12)
    assert whole.phases_ms is not None and whole.phases_ms["resolving"] == 2.0
    assert whole.source == "results/s"


@pytest.mark.parametrize("unknown", ["mean_ms", "p95_ms", "connections", "cpu_ms", "phases_ms"])
def test_a_figure_that_is_unknown_for_one_run_is_unknown_for_all(unknown: str) -> None:
    known: dict[str, Any] = {"p95_ms": 1.0, "connections": 3, "cpu_ms": 2.0, "phases_ms": dict.fromkeys(PHASES, 1.0)}
    (repeats,) = gathered([at(1, 1, **known), at(1, 2, **{**known, unknown: None})])
    assert getattr(repeats.summary, unknown) is None
    assert repeats.summary.questions == 16


def test_a_single_run_is_its_own_summary() -> None:
    alone = at(1, 1)
    assert gathered([alone])[0].summary is alone


def test_texts_about_some_runs_say_how_many() -> None:
    runs = [at(1, n, suspect=("slow",), problems=("odd",) if n == 2 else ()) for n in (1, 2, 3)]
    (repeats,) = gathered(runs)
    assert repeats.summary.suspect == ("slow",)
    assert repeats.summary.problems == ("in 1 of 3 runs: odd",)


def test_advice_that_at_least_half_of_the_runs_give_is_kept() -> None:
    often, once = (
        Advice("full", "raise it", share=0.5, rule="churn"),
        Advice("busy", "wait", share=0.9, rule="patience"),
    )
    (repeats,) = gathered([at(1, 1, advice=(often,)), at(1, 2, advice=(once, often)), at(1, 3, advice=(often,))])
    assert repeats.summary.advice == (often,)


def test_pairs_are_runs_of_the_same_repeat() -> None:
    mine, theirs, elsewhere, alone = gathered(
        [at(1, 1), at(1, 2), at(1, 3), at(2, 3), at(2, 1), at(1, 1, series="t"), row("a")]
    )
    pairs = mine.pairs_with(theirs)
    assert pairs is not None
    assert [(a.place and a.place.repeat, b.place and b.place.repeat) for a, b in pairs] == [(1, 1), (3, 3)]
    assert mine.pairs_with(elsewhere) is None
    assert mine.pairs_with(alone) is None
    first, second = gathered([at(1, 1), at(2, 2)])
    assert first.pairs_with(second) is None  # no repeat in common


def test_a_group_has_a_row_for_each_type_and_name() -> None:
    runs = [row("/a", 10.0), row("/b", 20.0), row("/a", 30.0), row("/a", 99.0, protocol="GET")]
    found = grouped("before", runs)
    assert [(repeats.group, repeats.summary.name, len(repeats.runs)) for repeats in found] == [
        ("before", "/a", 2), ("before", "/b", 1), ("before", "/a", 1)
    ]  # fmt: skip
    assert found[0].summary.mean_ms == 20.0


def test_runs_of_one_group_that_are_no_repeats_of_one_series_are_not_paired() -> None:
    (theirs,) = grouped("b", [at(2, 1), at(2, 2)])
    for runs in ([at(1, 1), at(2, 1)], [at(1, 1), at(1, 2, series="t")], [at(1, 1), row("a")]):
        (mine,) = grouped("a", runs)
        assert mine.pairs_with(theirs) is theirs.pairs_with(mine) is None
    (mine,) = grouped("a", [at(1, 1), at(1, 2)])
    assert len(mine.pairs_with(theirs) or ()) == 2


def test_a_percentile_that_some_reports_lack_is_left_out() -> None:
    (repeats,) = grouped("a", [row("/a", percentiles_ms={95.0: 4.0, 99.0: 8.0}), row("/a", percentiles_ms={95.0: 6.0})])
    assert repeats.summary.percentiles_ms == {95.0: 5.0}
    assert repeats.summary.is_locust_report


def test_the_folder_of_repeats_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for sources, folder in (
        (("a_stats.csv", "b_stats.csv"), "."),
        ((str(tmp_path / "x" / "a_stats.csv"), "x/b_stats.csv"), str(tmp_path / "x")),
    ):
        (repeats,) = grouped("a", [row("/a", source=source) for source in sources])
        assert repeats.summary.source == folder


def test_failures_are_counted_over_all_runs() -> None:
    late, lost = Failure("deadline", 3, 5, "late"), Failure("reset", 1, 2, "lost")
    (repeats,) = gathered([at(1, 1, failures=(late,), failed=3), at(1, 2, failures=(lost, late), failed=4)])
    assert [(found.kind, found.count, found.agent) for found in repeats.summary.failures] == [
        ("deadline", 6, 5),
        ("reset", 1, 2),
    ]
    assert [numbers(doubt) for doubt in repeats.summary.doubts] == [[6, 16, 5], [1, 16, 2]]
