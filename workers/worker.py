"""The agents of a fleet: their ports and counters, and their processes, which are replaced when they are restarted."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from fanout.agents.deaths import Death
from fanout.errors import CouldNotRunError
from fanout.json_object import JsonObject
from fanout.processes.child_side import not_started, signal_name, signals_held
from workers.counters import Counters
from workers.server import listen, not_listening

RESTART_PAUSE_S = 0.1
"""The least time between two starts of a process, so that one that dies immediately can't cause a restart storm."""
RESTART_TRIES = 10
"""How often a restart is tried while another process has taken a port."""

ALLOWED_RESTARTS = {"never": 0.0, "once": 1.0, "always": float("inf")}
"""How often a process is restarted, by the value of the scenario's `workers.restart`."""

Live = Callable[["WorkerProcess", Sequence[socket.socket]], Any]
"""Runs a forked process, given its listening sockets, one for each worker. It unblocks signals and never returns."""


class Worker:
    """An agent. `number` counts from 1; `port` 0 means any free port."""

    def __init__(self, number: int, host: str, port: int, counters: Counters) -> None:
        self.number = number
        self.host = host
        self.port = port
        self.counters = counters
        self.deaths: list[Death] = []
        self._warm_up_counts = (0, 0)

    def listen(self) -> socket.socket:
        """A listening socket. Each after the first has the same port. Raises CouldNotRunError."""
        try:
            listener = listen(self.host, self.port)
        except OSError as error:
            raise CouldNotRunError(f"agent {self.number} {not_listening(self.host, self.port, error)}") from error
        self.port = listener.getsockname()[1]
        return listener

    def warmed_up(self) -> None:
        """Excludes the requests so far, which were its warm-up, from its counters."""
        self._warm_up_counts = (self.counters.accepted, self.counters.served)

    def died(self, how: str, *, restarted: bool) -> Death:
        death = Death(self.number, time.time(), how, restarted)
        self.deaths.append(death)
        return death

    def to_json(self, pid: int | None) -> JsonObject:
        """Its counters since the warm-up, whether its process runs, and its deaths."""
        accepted, served = self._warm_up_counts
        return {
            "agent": self.number,
            "pid": pid,
            "accepted": self.counters.accepted - accepted,
            "served": self.counters.served - served,
            "alive": pid is not None,
            "deaths": [{"at": death.at, "how": death.how, "restarted": death.restarted} for death in self.deaths],
        }


class WorkerProcess:
    """The process of one or more agents."""

    def __init__(self, workers: Sequence[Worker], live: Live) -> None:
        self.workers = workers
        self.pid: int | None = None
        """None if the process has ended."""
        self.due: float | None = None
        """When to restart it, on the monotonic clock; None if it isn't to be restarted."""
        self._live = live
        self._began = 0.0
        self._tries = 0

    def start(self) -> None:
        """Forks the process. A restart uses the same ports as before. Raises CouldNotRunError."""
        with ExitStack() as stack:
            listeners = [stack.enter_context(worker.listen()) for worker in self.workers]
            stack.enter_context(signals_held())
            self._began = time.monotonic()
            try:
                self.pid = os.fork()
            except OSError as error:
                raise not_started(f"agent {self.workers[0].number}", error) from error
            if self.pid == 0:
                self._live(self, listeners)

    def died(self, status: int, restarts: float) -> list[Death]:
        """Records that the process has ended with this wait status. `restarts` is how often it may be restarted."""
        self.pid = None
        code = os.waitstatus_to_exitcode(status)
        how = f"exit status {code}" if code >= 0 else signal_name(-code)
        again = sum(death.restarted for death in self.workers[0].deaths) < restarts
        self.due = max(time.monotonic(), self._began + RESTART_PAUSE_S) if again else None
        self._tries = RESTART_TRIES
        return [worker.died(how, restarted=again) for worker in self.workers]

    def restart(self) -> list[Death]:
        """Tries to restart it. Returns deaths if the last of RESTART_TRIES fails."""
        self.due = None
        try:
            self.start()
        except CouldNotRunError as error:
            self._tries -= 1
            if not self._tries:
                return [worker.died(f"not restarted: {error}", restarted=False) for worker in self.workers]
            self.due = time.monotonic() + RESTART_PAUSE_S
        return []

    def end_by(self, deadline: float) -> None:
        """Waits until the process has ended, and kills it at the deadline, which is on the monotonic clock."""
        while self.pid is not None and os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
            time.sleep(0.005)
        self.pid = None
