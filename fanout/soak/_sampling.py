"""Finds our processes and measures what each holds."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil

from fanout.soak._samples import LOCUST, Sample, When

MIB = 1024 * 1024
ROLES = {"fanout.coordinator": "coordinator", "workers.fleet": "fleet"}
"""By the module in the command line."""
OTHER = "other"
ENDED = "ended, not noticed"
"""A zombie: a process of ours that has ended and whose parent hasn't read its exit status."""


class Family:
    """Locust and all of its descendants, by role."""

    def __init__(self, locust_pid: int) -> None:
        self._locust = psutil.Process(locust_pid)
        self._roles: dict[psutil.Process, str] = {}
        self._met = {LOCUST}
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def samples(self, when: When) -> Iterator[Sample]:
        """The figures of each role now. Leaves out a process that ends meanwhile."""
        most: dict[tuple[str, str], float] = defaultdict(float)
        processes: Counter[str] = Counter()
        for process, role in [(self._locust, LOCUST), *self.below()]:
            processes[role] += 1
            if role in (ENDED, OTHER):
                continue
            for figure, value in _held(process).items():
                most[role, figure] = max(most[role, figure], value)
        elapsed_s = self.elapsed_s
        self._met |= set(processes)
        for (role, figure), value in most.items():
            yield Sample(when, elapsed_s, role, figure, value)
        for role in sorted(self._met):
            yield Sample(when, elapsed_s, role, "processes", processes[role])

    def below(self) -> list[tuple[psutil.Process, str]]:
        """Our processes other than Locust, with orphans."""
        found = self._locust.children(recursive=True)
        for process in found:
            self._roles.setdefault(process, self._role(process))
        self._roles = {process: role for process, role in self._roles.items() if process.is_running()}
        return [
            (process, ENDED if _has_ended(process) else role)
            for process, role in self._roles.items()
            # An orphan belongs to init or a subreaper, which may be slow to reap it.
            if process in found or not _has_ended(process)
        ]

    def _role(self, process: psutil.Process) -> str:
        """By the command line; agents are forked and share the fleet's, so their parent identifies them."""
        try:
            words, parent = process.cmdline(), process.ppid()
        except psutil.NoSuchProcess:
            return OTHER
        role = next((role for word, role in ROLES.items() if word in words), OTHER)
        return "worker" if role == "fleet" and parent != self._locust.pid else role


def _has_ended(process: psutil.Process) -> bool:
    """Whether it is gone, or a zombie."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def count_time_wait(ports: Collection[int]) -> int | None:
    """Counts sockets in TIME_WAIT with one of these ports at either end; None if the system doesn't show them."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS
        return None
    waiting = [connection for connection in connections if connection.status == psutil.CONN_TIME_WAIT]
    return sum(any(end.port in ports for end in (c.laddr, c.raddr) if end) for c in waiting)


def _held(process: psutil.Process) -> dict[str, float]:
    """The process's figures; none if it ends meanwhile."""
    try:
        with process.oneshot():
            return {
                "descriptors": process.num_fds(),
                "threads": process.num_threads(),
                "memory_mib": _written(process) / MIB,
            }
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # AccessDenied: reading the memory of a zombie
        return {}


def _written(process: psutil.Process) -> int:
    """Bytes that it has written and shares with no other process.

    Pages that it has only read from files, mostly libraries, are left out: they count as private as soon as the last
    other process on the machine that has read them ends.
    """
    if not psutil.LINUX:
        return int(process.memory_full_info().uss)
    try:  # psutil's memory_maps() gives the same, per mapping, and takes a hundred times as long
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise psutil.NoSuchProcess(process.pid) from error
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty:", "Swap:")))
