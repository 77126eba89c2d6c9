from __future__ import annotations

from typing import Any

import pytest

from fanout.analysis.load_generator_health import reasons
from fanout.runs.schema import RunInfo
from helpers.runs import CALM, info_of


def info(health: dict[str, Any] | None = None, **load: float) -> RunInfo:
    return info_of(
        coordinators=[{"coordinator": 1, "loop_health": CALM}, {"coordinator": 2, "loop_health": health or CALM}],
        machine_load={"busy": 0.3, "steal": 0.01, **load},
    )


def test_a_calm_run_is_not_suspect() -> None:
    assert reasons(info()) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (info({**CALM, "cpu_share": 0.8}), "coordinator 2 used 80% of a CPU, so that it measured its own queue"),
        (
            info({**CALM, "lag_ms": {"p50": 5.0, "p99": 60, "max": 90}}),
            "coordinator 2 ran its timers 5.00 ms late (p50)",
        ),
        (
            info({**CALM, "lag_ms": {"p50": 4.9, "p99": 50, "max": 90}}),
            "coordinator 2 ran its timers 50.0 ms late (p99)",
        ),
        (info(steal=0.1), "other machines on the same hardware took 10% of the CPU time"),
        (info(busy=0.95), "all CPUs together were 95% busy"),
    ],
)
def test_a_bottleneck_of_our_own_is_suspect(found: RunInfo, words: str) -> None:
    (reason,) = reasons(found)
    assert reason.startswith(words)


@pytest.mark.parametrize("found", [info_of(), info_of(coordinators=[{"coordinator": 1, "asked": None}])])
def test_what_is_not_told_is_not_suspected(found: RunInfo) -> None:
    assert reasons(found) == []
