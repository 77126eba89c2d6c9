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


def found(run: Summary) -> list[str]:
    """The differences between a run and a baseline."""
    return [text.partition(" small ")[2] or text for text in differences(compared([made(), run], 1))]


def test_equal_runs_have_no_differences() -> None:
    assert found(made()) == []


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
def test_another_environment(info: dict[str, Any], expected: str) -> None:
    (text,) = found(made(info))
    assert "environments" in text and f": {expected}: " in text


def test_another_scenario() -> None:
    (text,) = found(made(agents=8, client={"topology": "per_agent"}))
    assert "scenarios: agents 8 (baseline 4), client.topology per_agent (baseline shared): " in text
    (text,) = found(
        made(agents=8, questions=5, seed=3, protocol="anp", client={"timeout_s": 4.0, "deadline_s": 9.0}, name="other")
    )
    assert " and 1 more: " in text
    assert found(made(name="other", gates=["ok > 1"])) == []


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
def test_another_load_of_the_load_generator(info: dict[str, Any], expected: str) -> None:
    (text,) = found(made(info))
    assert "load generators" in text and f": {expected}: " in text


def test_interleaved_runs_may_have_different_scenarios_but_not_environments() -> None:
    base, run = (replace(made(agents=n), place=Place("s", n, 1)) for n in (4, 8))
    assert differences(compared([base, run], 1)) == []
    newer = replace(made({"versions": {"httpx": "1.0"}}, agents=8), place=Place("s", 8, 1))
    (text,) = differences(compared([base, newer], 1))  # a sweep that was resumed after an upgrade
    assert "httpx 1.0 (baseline 0.28.1)" in text


def test_a_row_whose_own_runs_have_different_versions() -> None:
    old = {"versions": {"python": "3.10.1", "httpx": "0.28.1"}}
    runs = [replace(made(info), place=Place("s", 1, repeat)) for repeat, info in enumerate((None, old), 1)]
    (text,) = differences(compared(runs))
    assert text.startswith("small: ") and ": python 3.10.1 (baseline 3.11.7): " in text


def test_a_locust_file_has_no_known_differences() -> None:
    assert differences(compared([replace(made(), run=None), made()], 1)) == []
