"""One agent of a fleet: its port and its process, which is replaced when it is restarted."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from fanout.agents.deaths import Death
from fanout.errors import CouldNotRunError
from fanout.json_object import JsonObject
from fanout.processes.child_side import not_started, signal_name, signals_held
from workers.counters import Counters
from workers.server import listen, not_listening

RESTART_PAUSE_S = 0.1
"""The least time between two starts of an agent, so that one that dies immediately can't cause a restart storm."""
RESTART_TRIES = 10
"""How often a restart is tried while another process has taken the port."""

ALLOWED_RESTARTS = {"never": 0.0, "once": 1.0, "always": float("inf")}
"""How often an agent is restarted, by the value of the scenario's `workers.restart`."""

Live = Callable[["Worker", Any], None]
"""Runs a forked process, given the worker and its listening socket. It unblocks signals and never returns."""


class Worker:
    """An agent. `number` counts from 1; `port` 0 means any free port."""

    def __init__(self, number: int, host: str, port: int, counters: Counters, live: Live) -> None:
        self.number = number
        self.host = host
        self.port = port
        self.counters = counters
        self.pid: int | None = None
        """None if its process has ended."""
        self.deaths: list[Death] = []
        self.due: float | None = None
        """When to restart it, on the monotonic clock; None if it isn't to be restarted."""
        self._live = live
        self._began = 0.0
        self._tries = 0
        self._warm_up_counts = (0, 0)

    def start(self) -> None:
        """Forks the process. A restart uses the same port as before. Raises CouldNotRunError."""
        try:
            listener = listen(self.host, self.port)
        except OSError as error:
            raise CouldNotRunError(f"agent {self.number} {not_listening(self.host, self.port, error)}") from error
        with listener, signals_held():
            self.port = listener.getsockname()[1]
            self._began = time.monotonic()
            try:
                self.pid = os.fork()
            except OSError as error:
                raise not_started(f"agent {self.number}", error) from error
            if self.pid == 0:
                self._live(self, listener)

    def warmed_up(self) -> None:
        """Excludes the requests so far, which were its warm-up, from its counters."""
        self._warm_up_counts = (self.counters.accepted, self.counters.served)

    def died(self, status: int, restarts: float) -> Death:
        """Records that its process has ended with this wait status. `restarts` is how often it may be restarted."""
        self.pid = None
        code = os.waitstatus_to_exitcode(status)
        how = f"exit status {code}" if code >= 0 else signal_name(-code)
        again = sum(death.restarted for death in self.deaths) < restarts
        self.due = max(time.monotonic(), self._began + RESTART_PAUSE_S) if again else None
        self._tries = RESTART_TRIES
        return self._recorded(how, restarted=again)

    def restart(self) -> Death | None:
        """Tries to restart it. Returns a Death if the last of RESTART_TRIES fails."""
        self.due = None
        try:
            self.start()
        except CouldNotRunError as error:
            self._tries -= 1
            if not self._tries:
                return self._recorded(f"not restarted: {error}", restarted=False)
            self.due = time.monotonic() + RESTART_PAUSE_S
        return None

    def _recorded(self, how: str, *, restarted: bool) -> Death:
        death = Death(self.number, time.time(), how, restarted)
        self.deaths.append(death)
        return death

    def end_by(self, deadline: float) -> None:
        """Waits until its process has ended, and kills it at the deadline, which is on the monotonic clock."""
        while self.pid is not None and os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
            time.sleep(0.005)
        self.pid = None

    def to_json(self) -> JsonObject:
        """Its counters since the warm-up, whether its process runs, and its deaths."""
        accepted, served = self._warm_up_counts
        return {
            "agent": self.number,
            "pid": self.pid,
            "accepted": self.counters.accepted - accepted,
            "served": self.counters.served - served,
            "alive": self.pid is not None,
            "deaths": [{"at": death.at, "how": death.how, "restarted": death.restarted} for death in self.deaths],
        }
