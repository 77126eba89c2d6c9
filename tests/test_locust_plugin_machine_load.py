from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable

import psutil
import pytest

from fanout.locust_plugin.machine_load import MachineLoad

FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")

Load = Callable[..., dict[str, float] | None]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Calculates the load between two readings of the system's counters."""

    def of(began: dict[str, float], ended: dict[str, float]) -> dict[str, float] | None:
        times = namedtuple("times", began)  # type: ignore[misc]
        readings = iter([times(**began), times(**ended)])
        monkeypatch.setattr(psutil, "cpu_times", lambda: next(readings))
        shares = MachineLoad().shares()
        return None if shares is None else vars(shares)

    return of


def linux(**seconds: float) -> dict[str, float]:
    return dict.fromkeys(FIELDS, 0.0) | seconds


def test_shares_cover_the_time_since_creation(load: Load) -> None:
    began = linux(user=1, system=1, idle=10, steal=0.5)
    ended = linux(user=1.3, nice=0.05, system=1.15, idle=10.4, steal=0.6)
    assert load(began, ended) == pytest.approx({"busy": 0.5, "steal": 0.1})


def test_waiting_for_a_disk_is_not_busy(load: Load) -> None:
    assert load(linux(), linux(user=1, idle=4, iowait=5)) == pytest.approx({"busy": 0.1, "steal": 0.0})


def test_a_guest_s_time_is_counted_once(load: Load) -> None:
    assert load(linux(), linux(user=5, guest=5, idle=5)) == pytest.approx({"busy": 0.5, "steal": 0.0})


def test_a_counter_that_went_back_gives_no_negative_share(load: Load) -> None:
    assert load(linux(iowait=1), linux(user=1, iowait=0)) == pytest.approx({"busy": 1.0, "steal": 0.0})


def test_a_system_that_does_not_count_stolen_time_is_unknown(load: Load) -> None:
    macos = dict.fromkeys(("user", "nice", "system", "idle"), 0.0)
    assert load(macos, {**macos, "user": 1.0, "idle": 1.0}) is None


def test_a_load_over_no_time_is_unknown(load: Load) -> None:
    assert load(linux(user=5), linux(user=5)) is None


def test_a_load_without_permission_to_read_counters_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise PermissionError

    monkeypatch.setattr(psutil, "cpu_times", refused)
    assert MachineLoad().shares() is None


def test_the_shares_of_this_machine() -> None:
    began = MachineLoad()
    sum(range(3_000_000))
    found = began.shares()
    assert found is None or all(0 <= share <= 1 for share in vars(found).values())
