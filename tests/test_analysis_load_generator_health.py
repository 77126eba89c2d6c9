from __future__ import annotations

from typing import Any

import pytest

from fanout.analysis.load_generator_health import has_busy_machine, is_about_a_coordinator, reasons
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


def of_workers(*, is_remote: bool) -> RunInfo:
    busy = {"locust_worker": 2, "host": "b", "pid": 9, "is_remote": is_remote, "machine_load": {"busy": 0.95}}
    calm = {"locust_worker": 1, "host": "a", "pid": 8, "is_remote": False, "machine_load": {"busy": 0.2}}
    coordinators = [{"coordinator": number, "locust_worker": number} for number in (1, 2)]
    return info_of(coordinators=coordinators, locust_workers=[calm, busy], machine_load={"busy": 0.2})


def test_the_machine_of_a_worker_counts_for_its_coordinators() -> None:
    (reason,) = reasons(of_workers(is_remote=True))
    assert numbers(reason) == [2, 9, 95]
    assert reasons(of_workers(is_remote=False)) == []  # its machine is the run's
    info = of_workers(is_remote=True)
    assert [has_busy_machine(coordinator, info) for coordinator in info.coordinators] == [False, True]


@pytest.mark.parametrize("found", [info_of(), info_of(coordinators=[{"coordinator": 1, "asked": None}])])
def test_an_unknown_health_is_not_suspect(found: RunInfo) -> None:
    assert reasons(found) == []
