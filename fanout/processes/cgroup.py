"""How long Linux kept this process from running because of a CPU quota, such as that of a container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


_UNITS = {"throttled_usec": 1e6, "throttled_time": 1e9}
"""The key of cpu.stat, in version 2 and version 1 of cgroups, with its units in a second.

See https://docs.kernel.org/admin-guide/cgroup-v2.html and https://docs.kernel.org/scheduler/sched-bwc.html.
"""


def throttled_s(own: Path = OWN, root: Path = ROOT) -> dict[Path, float]:
    """The seconds so far, by cgroup: this process's own and those around it, as far as they are known."""
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = {folder: _throttled_s(folder / "cpu.stat") for line in lines for folder in _folders(line, root)}
    return {folder: seconds for folder, seconds in found.items() if seconds is not None}


def increase_s(before: Mapping[Path, float], after: Mapping[Path, float]) -> float:
    """The longest time between two results of throttled_s(), since the quota may be that of any of the cgroups."""
    return max((seconds - before.get(folder, seconds) for folder, seconds in after.items()), default=0.0)


def _folders(line: str, root: Path) -> Iterator[Path]:
    """The folders of a cgroup and of those around it, given a line such as `0::/pod/app` or `4:cpu,cpuacct:/pod`."""
    _, _, named = line.partition(":")
    controllers, _, path = named.partition(":")
    if controllers and "cpu" not in controllers.split(","):
        return
    base = root / controllers
    inner = base / path.lstrip("/")
    yield from (folder for folder in (inner, *inner.parents) if folder == base or base in folder.parents)


def _throttled_s(file: Path) -> float | None:
    try:
        text = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key in _UNITS and value.isdecimal():
            return int(value) / _UNITS[key]
    return None
