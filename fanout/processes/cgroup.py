"""The limits that Linux sets to a group of processes, such as a container: its CPU quota and its memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")

_UNITS = {"throttled_usec": 1e6, "throttled_time": 1e9}
"""The key of cpu.stat, in version 2 and version 1 of cgroups, with its units in a second.

See https://docs.kernel.org/admin-guide/cgroup-v2.html and https://docs.kernel.org/scheduler/sched-bwc.html.
"""

_MEMORY_FILES = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
"""The limit and the use of a cgroup's memory, in version 2 and version 1."""

_RECLAIMABLE = ("active_file", "inactive_file", "slab_reclaimable")
"""What the kernel gives back when memory is short; version 1 has `total_` before sums over a hierarchy."""


def throttled_s(own: Path = OWN, root: Path = ROOT) -> dict[Path, float]:
    """The seconds so far, by cgroup: this process's own and those around it, as far as they are known."""
    found = {folder: _throttled_s(folder / "cpu.stat") for folder in _all_folders("cpu", own, root)}
    return {folder: seconds for folder, seconds in found.items() if seconds is not None}


def increase_s(before: Mapping[Path, float], after: Mapping[Path, float]) -> float:
    """The longest time between two results of throttled_s(), since the quota may be that of any of the cgroups."""
    return max((seconds - before.get(folder, seconds) for folder, seconds in after.items()), default=0.0)


def memory_left_bytes(own: Path = OWN, root: Path = ROOT) -> int | None:
    """The memory that the tightest limit leaves this process and the others in its cgroup; None without a limit."""
    left = [_memory_left_bytes(folder) for folder in _all_folders("memory", own, root)]
    return min((count for count in left if count is not None), default=None)


def _memory_left_bytes(folder: Path) -> int | None:
    for limit, used in _MEMORY_FILES:
        most, now = _number(folder / limit), _number(folder / used)
        if most is not None and now is not None:
            values = _values(folder / "memory.stat")
            caches = [values.get(f"total_{name}", values.get(name, 0)) for name in _RECLAIMABLE]
            return max(0, most - now + sum(caches))
    return None


def _number(file: Path) -> int | None:
    """The only number in a file; None for another text, such as `max`."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isdecimal() else None


def _all_folders(controller: str, own: Path, root: Path) -> list[Path]:
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [folder for line in lines for folder in _folders(controller, line, root)]


def _folders(controller: str, line: str, root: Path) -> Iterator[Path]:
    """The folders of a cgroup and of those around it, given a line such as `0::/pod/app` or `4:cpu,cpuacct:/pod`."""
    _, _, named = line.partition(":")
    controllers, _, path = named.partition(":")
    if controllers and controller not in controllers.split(","):
        return
    base = root / controllers
    inner = base / path.lstrip("/")
    yield from (folder for folder in (inner, *inner.parents) if folder == base or base in folder.parents)


def _throttled_s(file: Path) -> float | None:
    values = _values(file)
    return next((values[key] / units for key, units in _UNITS.items() if key in values), None)


def _values(file: Path) -> dict[str, int]:
    """The numbers by their keys, in a file with one of each in a line."""
    try:
        text = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.partition(" ") for line in text.splitlines())
    return {key: int(value) for key, _, value in pairs if value.isdecimal()}
