"""Looks at our processes: which there are, and what each holds."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil

from fanout.soak._samples import LOCUST, Sample, When

MIB = 1024 * 1024
ROLES = {"fanout.coordinator": "coordinator", "workers.fleet": "fleet"}
"""By what a command line names."""
OTHER = "other"
ENDED = "ended, not noticed"
"""A process of ours that has ended, and whose parent doesn't ask for its exit status."""


class Family:
    """Locust and every process below it, by what each is for."""

    def __init__(self, locust_pid: int) -> None:
        self._locust = psutil.Process(locust_pid)
        self._roles: dict[psutil.Process, str] = {}
        self._met = {LOCUST}
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def samples(self, when: When) -> Iterator[Sample]:
        """What each role holds now; a process that ends meanwhile is left out."""
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
        """Our processes besides Locust, also those whose parent has gone."""
        found = self._locust.children(recursive=True)
        for process in found:
            self._roles.setdefault(process, self._role(process))
        self._roles = {process: role for process, role in self._roles.items() if process.is_running()}
        return [
            (process, ENDED if _has_ended(process) else role)
            for process, role in self._roles.items()
            # Whoever inherits a process that has lost its parent may take its time to notice its end.
            if process in found or not _has_ended(process)
        ]

    def _role(self, process: psutil.Process) -> str:
        """By command line, and for the agents by their parent: they are forked, and have the fleet's."""
        try:
            words, parent = process.cmdline(), process.ppid()
        except psutil.NoSuchProcess:
            return OTHER
        role = next((role for word, role in ROLES.items() if word in words), OTHER)
        return "worker" if role == "fleet" and parent != self._locust.pid else role


def _has_ended(process: psutil.Process) -> bool:
    """Whether it only waits to be noticed by its parent."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def count_time_wait(ports: Collection[int]) -> int | None:
    """Sockets in TIME_WAIT of which one end has one of these ports; None where the system doesn't tell."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS
        return None
    waiting = [connection for connection in connections if connection.status == psutil.CONN_TIME_WAIT]
    return sum(any(end.port in ports for end in (c.laddr, c.raddr) if end) for c in waiting)


def _held(process: psutil.Process) -> dict[str, float]:
    """Its figures; none of a process that ends meanwhile."""
    try:
        with process.oneshot():
            return {
                "descriptors": process.num_fds(),
                "threads": process.num_threads(),
                "memory_mib": _written(process) / MIB,
            }
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # the latter is what the memory of one that has ended comes to
        return {}


def _written(process: psutil.Process) -> int:
    """Bytes that it has written and shares with nobody.

    What it has only read of files, libraries above all, becomes its own when another process that had read them, any on
    this machine, ends: it is no measure of this one.
    """
    if not psutil.LINUX:
        return int(process.memory_full_info().uss)
    try:  # psutil's memory_maps() has the same by mapping, for a hundred times the work
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise psutil.NoSuchProcess(process.pid) from error
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty:", "Swap:")))
