from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fanout.analysis.comparability import differences
from fanout.analysis.run_summary import summarize
from fanout.analysis.summary import Summary
from fanout.runs.series import Place
from helpers.runs import CALM, compared, run_of

INFO: dict[str, Any] = {
    "versions": {"python": "3.11.7", "httpx": "0.28.1"},
    "machine": {"cpus": 2, "cpu": "Z80"},
    "git": {"revision": "0123456789abcdef", "dirty": False},
    "coordinators": [{"coordinator": 1, "loop_health": CALM}],
    "machine_load": {"busy": 0.2, "steal": 0.0},
}


def made(info: dict[str, Any] | None = None, **keys: Any) -> Summary:
    return summarize(run_of([1.0, 2.0], info={**INFO, **(info or {})}, **keys))


def told(run: Summary) -> list[str]:
    """What is said of a run beside a baseline."""
    return [text.partition(" small ")[2] or text for text in differences(compared([made(), run], 1))]


def test_the_same_again_is_the_same() -> None:
    assert told(made()) == []


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"versions": {"python": "3.11.7", "httpx": "0.29.0"}}, "httpx 0.29.0 (baseline 0.28.1)"),
        ({"machine": {"cpus": 8, "cpu": "Z80"}}, "cpus 8 (baseline 2)"),
        (
            {"git": {"revision": "fed", "dirty": True}},
            "git revision fed with changes (baseline 0123456789)",
        ),
        ({"git": None}, "git revision none (baseline 0123456789)"),
    ],
)
def test_what_it_ran_on(info: dict[str, Any], expected: str) -> None:
    (text,) = told(made(info))
    assert f"ran on different things: {expected}: run the baseline again here" in text


def test_what_was_run() -> None:
    (text,) = told(made(agents=8, client={"topology": "per_agent"}))
    assert (
        "are of different scenarios: agents 8 (baseline 4), client.topology per_agent (baseline shared): the ratio"
        in text
    )
    (text,) = told(
        made(agents=8, questions=5, seed=3, protocol="anp", client={"timeout_s": 4.0, "deadline_s": 9.0}, name="other")
    )
    assert " and 1 more: the ratio is" in text
    assert told(made(name="other", gates=["ok > 1"])) == []


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (
            {
                "coordinators": [
                    {"coordinator": 1, "loop_health": {**CALM, "lag_ms": {"p50": 1.0, "p99": 30.0, "max": 40.0}}}
                ]
            },
            "loop lag p99 30.0 ms (baseline 3.00 ms)",
        ),
        ({"machine_load": {"busy": 0.7, "steal": 0.0}}, "CPU time busy 70% (baseline 20%)"),
        ({"machine_load": {"busy": 0.2, "steal": 0.4}}, "CPU time steal 40% (baseline 0%)"),
    ],
)
def test_how_the_load_generator_was(info: dict[str, Any], expected: str) -> None:
    (text,) = told(made(info))
    assert f"had load generators of different health: {expected}: run both again" in text


def test_runs_made_in_turn_differ_as_they_are_meant_to() -> None:
    base, run = (replace(made(agents=n), place=Place("s", n, 1)) for n in (4, 8))
    assert differences(compared([base, run], 1)) == []
    newer = replace(made({"versions": {"httpx": "1.0"}}, agents=8), place=Place("s", 8, 1))
    (text,) = differences(compared([base, newer], 1))  # a sweep that was gone on with after an upgrade
    assert "httpx 1.0 (baseline 0.28.1)" in text


def test_a_row_whose_own_runs_are_of_different_versions_says_so() -> None:
    old = {"versions": {"python": "3.10.1", "httpx": "0.28.1"}}
    runs = [replace(made(info), place=Place("s", 1, repeat)) for repeat, info in enumerate((None, old), 1)]
    (text,) = differences(compared(runs))
    assert text.startswith("small: the runs themselves ran on different things: python 3.10.1 (baseline 3.11.7): run")


def test_locust_s_files_do_not_tell() -> None:
    assert differences(compared([replace(made(), run=None), made()], 1)) == []
