from __future__ import annotations

from pathlib import Path

import pytest

from fanout.coordinator.cgroup import throttled_s


def cgroup(root: Path, path: str, stat: str | None) -> None:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    if stat is not None:
        (folder / "cpu.stat").write_text(stat)


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("usage_usec 5\nnr_throttled 2\nthrottled_usec 1500000\n", "usage_usec 9\n", 1.5),
        ("usage_usec 5\n", "throttled_usec 2500000\n", 2.5),
        ("throttled_usec 1\n", "throttled_usec 2000000\n", 2.0),
        ("throttled_usec 0\n", None, None),
        (None, None, None),
        ("nonsense\nthrottled_usec many\n", None, None),
    ],
)
def test_the_largest_throttled_time_on_the_way_up_counts(
    tmp_path: Path, inner: str | None, outer: str | None, expected: float | None
) -> None:
    cgroup(tmp_path / "root", "pod", outer)
    cgroup(tmp_path / "root", "pod/app", inner)
    cgroup(tmp_path, "", "throttled_usec 9000000\n")  # outside of the hierarchy
    (tmp_path / "own").write_text("1:name=systemd:/\n0::/pod/app\n")
    assert throttled_s(tmp_path / "own", tmp_path / "root") == expected


def test_version_1_counts_in_nanoseconds(tmp_path: Path) -> None:
    cgroup(tmp_path, "cpu,cpuacct/pod", "nr_throttled 2\nthrottled_time 1500000000\n")
    (tmp_path / "own").write_text("9:memory:/pod\n4:cpu,cpuacct:/pod\n0::/pod\n")
    assert throttled_s(tmp_path / "own", tmp_path) == 1.5


@pytest.mark.parametrize("own", [None, "", "4:memory:/old\n"])
def test_no_cgroup_is_not_known(tmp_path: Path, own: str | None) -> None:
    if own is not None:
        (tmp_path / "own").write_text(own)
    assert throttled_s(tmp_path / "own", tmp_path) is None
