from __future__ import annotations

from pathlib import Path

import psutil

from fanout.coordinator.memory import peak_mib


def test_the_peak_of_the_process_itself() -> None:
    found = peak_mib()
    assert found is not None and found >= psutil.Process().memory_info().rss / 2**20 * 0.9


def test_where_the_system_does_not_tell_it_is_unknown(tmp_path: Path) -> None:
    assert peak_mib(tmp_path / "nowhere") is None
    (tmp_path / "status").write_text("VmPeak:\t  100 kB\nVmHWM:\t   2048 kB\n")
    assert peak_mib(tmp_path / "status") == 2
