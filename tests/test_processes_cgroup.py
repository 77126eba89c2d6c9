from __future__ import annotations

from pathlib import Path

import pytest

from fanout.processes.cgroup import increase_s, memory_left_bytes, throttled_s


def cgroup(root: Path, path: str, stat: str | None) -> None:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    if stat is not None:
        (folder / "cpu.stat").write_text(stat)


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("usage_usec 5\nnr_throttled 2\nthrottled_usec 1500000\n", "usage_usec 9\n", {"pod/app": 1.5}),
        ("throttled_usec 1000000\n", "throttled_usec 2000000\n", {"pod/app": 1.0, "pod": 2.0}),
        (None, None, {}),
        ("nonsense\nthrottled_usec many\n", None, {}),
    ],
)
def test_every_cgroup_on_the_way_up_is_read(
    tmp_path: Path, inner: str | None, outer: str | None, expected: dict[str, float]
) -> None:
    root = tmp_path / "root"
    cgroup(root, "pod", outer)
    cgroup(root, "pod/app", inner)
    cgroup(tmp_path, "", "throttled_usec 9000000\n")  # outside of the hierarchy
    (tmp_path / "own").write_text("1:name=systemd:/\n0::/pod/app\n")
    assert throttled_s(tmp_path / "own", root) == {root / path: seconds for path, seconds in expected.items()}


def test_the_longest_increase_counts() -> None:
    own, around, new = Path("own"), Path("around"), Path("new")
    assert increase_s({own: 0.0, around: 100.0}, {own: 50.0, around: 100.0, new: 7.0}) == 50.0
    assert increase_s({}, {}) == 0.0


def test_version_1_counts_in_nanoseconds(tmp_path: Path) -> None:
    cgroup(tmp_path, "cpu,cpuacct/pod", "nr_throttled 2\nthrottled_time 1500000000\n")
    (tmp_path / "own").write_text("9:memory:/pod\n4:cpu,cpuacct:/pod\n0::/pod\n")
    assert throttled_s(tmp_path / "own", tmp_path) == {tmp_path / "cpu,cpuacct/pod": 1.5}


@pytest.mark.parametrize("own", [None, "", "4:memory:/old\n"])
def test_no_cgroup_is_not_known(tmp_path: Path, own: str | None) -> None:
    if own is not None:
        (tmp_path / "own").write_text(own)
    assert throttled_s(tmp_path / "own", tmp_path) == {}


def test_the_tightest_limit_of_memory_counts_without_caches_that_can_be_given_back(tmp_path: Path) -> None:
    for path, most, used in (("pod", "5000", "1000"), ("pod/app", "max", "900"), ("", "9000", "8000")):
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
        (tmp_path / path / "memory.max").write_text(f"{most}\n")
        (tmp_path / path / "memory.current").write_text(f"{used}\n")
    (tmp_path / "own").write_text("0::/pod/app\n")
    assert memory_left_bytes(tmp_path / "own", tmp_path) == 1000
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 500\nactive_file 40\n")
    assert memory_left_bytes(tmp_path / "own", tmp_path) == 1540


def test_version_1_has_other_names_for_memory(tmp_path: Path) -> None:
    folder = tmp_path / "memory" / "pod"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text("700\n")
    (folder / "memory.usage_in_bytes").write_text("900\n")
    (tmp_path / "own").write_text("4:cpu:/pod\n9:memory:/pod\n")
    assert memory_left_bytes(tmp_path / "own", tmp_path) == 0
    assert memory_left_bytes(tmp_path / "nowhere", tmp_path) is None
