from __future__ import annotations

from typing import Any

import pytest

from fanout.analysis.load_generator_health import is_about_a_coordinator, reasons
from fanout.runs.schema import RunInfo
from helpers.runs import CALM, info_of
from helpers.texts import numbers


def info(health: dict[str, Any] | None = None, **load: float) -> RunInfo:
    return info_of(
        coordinators=[{"coordinator": 1, "loop_health": CALM}, {"coordinator": 2, "loop_health": health or CALM}],
        machine_load={"busy": 0.3, "steal": 0.01, **load},
    )


def test_a_calm_run_is_not_suspect() -> None:
    assert reasons(info()) == []


@pytest.mark.parametrize(
    ("found", "figures", "of_coordinator"),
    [
        (info({**CALM, "cpu_share": 0.8}), [2, 80], True),
        (info({**CALM, "lag_ms": {"p50": 5.0, "p99": 60, "max": 90}}), [2, 5.0], True),
        (info({**CALM, "lag_ms": {"p50": 4.9, "p99": 50, "max": 90}}), [2, 50.0], True),
        (info(steal=0.1), [10], False),
        (info(busy=0.95), [95], False),
    ],
)
def test_a_bottleneck_of_fanout_is_suspect(found: RunInfo, figures: list[float], *, of_coordinator: bool) -> None:
    (reason,) = reasons(found)
    assert numbers(reason) == figures
    assert is_about_a_coordinator(reason) is of_coordinator


@pytest.mark.parametrize("found", [info_of(), info_of(coordinators=[{"coordinator": 1, "asked": None}])])
def test_an_unknown_health_is_not_suspect(found: RunInfo) -> None:
    assert reasons(found) == []
