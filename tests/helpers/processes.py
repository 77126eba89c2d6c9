"""Runs commands, coordinators and agents as processes, and finds those that are still running."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from fanout.agents.handle import Agents, WorkerCounts
from fanout.outcome import Outcome
from fanout.processes.child import Child
from fanout.runs.schema import CoordinatorInfo, WorkerInfo, part_of
from fanout.scenario import Scenario
from helpers.paths import ROOT


@dataclass(frozen=True)
class Ran:
    """The results of one round of a scenario, without Locust."""

    outcomes: list[Outcome]
    final: dict[str, Any]
    """The coordinator's final report of its counts."""
    counts: WorkerCounts
    workers: tuple[WorkerInfo, ...]
    ca_pem: str | None

    @property
    def info(self) -> CoordinatorInfo:
        """`final`, as a run directory stores it."""
        return part_of(CoordinatorInfo, self.final)


def run_through(scenario: Scenario, directory: Path) -> Ran:
    """Starts a scenario's agents and dispatches its questions once."""
    file = directory / "scenario.yaml"
    file.write_text(scenario.to_yaml(), encoding="utf-8")
    with Agents(scenario, file) as agents:
        args = [str(file), "--agents", ",".join(agents.addresses), "--rounds", "1"]
        if agents.ca_pem is not None:
            (directory / "ca.pem").write_text(agents.ca_pem)
            args += ["--ca-file", str(directory / "ca.pem")]
        child = Child("the coordinator", "fanout.coordinator", args)
        lines = list(iter(child.listen, None))
        child.close()
        counts = agents.counts()
        assert counts is not None
        outcomes = [Outcome.from_json(line) for line in lines if line["is"] == "outcome"]
        return Ran(outcomes, lines[-1]["coordinator"], counts, agents.workers or (), agents.ca_pem)


def command(
    name: str, *args: object, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fanout.cli", name, *map(str, args)],
        capture_output=True, text=True, timeout=90, check=False, cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
    )  # fmt: skip


def family_of(directory: Path, but: int | None = None) -> list[psutil.Process]:
    """The processes of a run, which have its directory in their command line; forked ones inherit that."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != but and any(str(directory) in arg for arg in process.cmdline()):
                found.append(process)
    return found


def wait_until(what: Callable[[], object], timeout_s: float = 30) -> None:
    """Waits until `what` returns something true."""
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def still_running(processes: Iterable[psutil.Process], timeout_s: float = 2) -> list[psutil.Process]:
    """The processes that have not ended within this time. A zombie counts as ended."""
    deadline = time.monotonic() + timeout_s
    running = list(processes)
    while running and time.monotonic() < deadline:
        time.sleep(0.02)
        running = [process for process in running if _runs(process)]
    return running


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
