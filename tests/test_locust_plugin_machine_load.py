from __future__ import annotations

from collections.abc import Sequence

import pytest

from fanout.locust_plugin.machine_load import MachineLoad


def load(*texts: str | None) -> dict[str, float] | None:
    reads: Sequence[str | None] = texts
    following = iter(reads)
    return MachineLoad(lambda: next(following)).to_json()


def test_shares_are_of_the_time_since_it_was_made() -> None:
    found = load("cpu  100 0 100 1000 0 0 0 50 0 0\ncpu0 1", "cpu  130 5 115 1040 0 0 0 60 0 0\ncpu0 1")
    assert found == pytest.approx({"busy": 0.5, "steal": 0.1})


def test_waiting_for_a_disk_is_not_busy() -> None:
    assert load("cpu  0 0 0 0 0 0 0 0", "cpu  10 0 0 40 50 0 0 0") == pytest.approx({"busy": 0.1, "steal": 0.0})


@pytest.mark.parametrize(
    "texts", [(None, None), ("cpu  1 1 1 1", None), ("nonsense", "nonsense"), ("cpu  5", "cpu  5")]
)
def test_what_the_system_doesn_t_tell_is_not_known(texts: tuple[str | None, str | None]) -> None:
    assert load(*texts) is None


def test_this_machine_tells() -> None:
    began = MachineLoad()
    sum(range(3_000_000))
    found = began.to_json()
    assert found is None or (0 <= found["busy"] <= 1 and 0 <= found["steal"] <= 1)
