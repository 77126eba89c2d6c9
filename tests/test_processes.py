"""Ends every process of a run by every signal at every stage: nothing hangs, nothing is left over, files are whole.

A run needs seconds of CPU and then mostly waits, so several run at the same time.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from fanout.processes.child import Child
from fanout.runs.questions_csv import read_frame
from fanout.runs.reader import read_run
from helpers.paths import ROOT
from helpers.processes import family_of, still_running
from helpers.scenarios import MakeScenario

pytestmark = pytest.mark.process

AT_A_TIME = 5
ENDS_WITHIN_S = 40
"""Far more than a run needs, since the machine may be busy with other work."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)

STOPPING = """
import sys
import gevent
from locust import events, task
from fanout.locust_plugin.user import CoordinatorUser

class Coordinator(CoordinatorUser):
    @task
    def round(self):
        gevent.spawn_later(0.3, self.environment.runner.quit)  # as --run-time does, while every agent has a question
        self.client.round()

events.test_stopping.add_listener(lambda **_: print("it stops", file=sys.stderr, flush=True))
"""
"""A locustfile for a run that is stopped while its questions are in flight."""

UNTOLD = {signal.SIGKILL: "coordinator 1 died by SIGKILL", signal.SIGSTOP: "coordinator 1 did not stop"}
"""The signals after which a coordinator can't report what it asked, and the problem reported instead."""

T = TypeVar("T")


@dataclass(frozen=True)
class Running:
    """A running Locust and its run directory."""

    locust: subprocess.Popen[bytes]
    directory: Path

    @property
    def errors(self) -> str:
        return self.directory.with_suffix(".log").read_text(errors="replace")

    def family(self) -> list[psutil.Process]:
        """All of the run's processes except Locust."""
        return family_of(self.directory, but=self.locust.pid)

    def children(self, module: str) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return [child for child in psutil.Process(self.locust.pid).children() if _names(child, module)]
        return []

    @property
    def asked(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return (self.directory / "questions.csv").read_bytes().count(b"\n") > 4
        return False


def _names(process: psutil.Process, module: str) -> bool:
    with contextlib.suppress(psutil.Error):
        return module in process.cmdline()
    return False


def wait_for(running: Running, what: Callable[[], T | None]) -> T:
    """The first true result of `what`. Fails if Locust ends before."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < deadline and running.locust.poll() is None:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError(f"never came; Locust said: {running.errors[-2000:]}")


@contextlib.contextmanager
def run_of(scenario: Path, directory: Path, *args: object) -> Iterator[Running]:
    """Runs Locust in the background, and kills all of its processes that are left at the end."""
    command = [sys.executable, "-m", "locust", "--headless", "--scenario", scenario, "--run-dir", directory, *args]
    with directory.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    running = Running(process, directory)
    try:
        yield running
    finally:
        process.kill()
        process.wait()
        for left in running.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()


# Each function finds the process to send a signal to, when the time for it has come.


def the_locust(running: Running) -> psutil.Process:
    return psutil.Process(running.locust.pid)


def the_coordinator(running: Running) -> psutil.Process:
    return wait_for(running, lambda: running.children("fanout.coordinator"))[0]


def the_fleet(running: Running) -> psutil.Process:
    return wait_for(running, lambda: running.children("workers.fleet"))[0]


def a_worker(running: Running) -> psutil.Process:
    fleet = the_fleet(running)
    return wait_for(running, fleet.children)[0]


def a_locust_whose_fleet_starts(running: Running) -> psutil.Process:
    the_fleet(running)
    return the_locust(running)


def a_locust_whose_coordinator_starts(running: Running) -> psutil.Process:
    the_coordinator(running)
    return the_locust(running)


@contextlib.contextmanager
def held(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def signal_an_untested_worker(running: Running, how: signal.Signals) -> None:
    """Sends the signal before the fleet, which is suspended meanwhile, has sent the worker its first request."""
    fleet = the_fleet(running)
    wait_for(running, fleet.children)
    with held(fleet):
        time.sleep(0.2)  # time for the worker to start up
        fleet.children()[0].send_signal(how)
        time.sleep(0.1)


def signal_to(find: Callable[[Running], psutil.Process]) -> Callable[[Running, signal.Signals], None]:
    return lambda running, how: find(running).send_signal(how)


VICTIMS = {"locust": the_locust, "coordinator": the_coordinator, "fleet": the_fleet, "worker": a_worker}
STARTING = {
    "locust, fleet starting": signal_to(a_locust_whose_fleet_starts),
    "locust, coordinator starting": signal_to(a_locust_whose_coordinator_starts),
    "coordinator": signal_to(the_coordinator),
    "fleet": signal_to(the_fleet),
    "worker": signal_an_untested_worker,
}


def exit_code(victim: str, how: signal.Signals) -> int:
    """The exit code expected in each cell."""
    if how is signal.SIGSTOP:
        return 130  # the process hangs, and Locust is interrupted
    if victim.startswith("locust"):
        return -signal.SIGKILL if how is signal.SIGKILL else 130
    if victim != "worker":
        return 3
    return (
        0 if how is signal.SIGINT else 1
    )  # workers ignore Ctrl-C, which the fleet handles; without a worker questions fail


def judge(running: Running, victim: str, how: signal.Signals, *, starting: bool = False) -> None:
    """Checks what must hold in every cell after the signal."""
    code = running.locust.wait(ENDS_WITHIN_S)
    assert not still_running(running.family(), 5)
    # Python itself prints a traceback on Ctrl-C while it imports the first modules.
    by_python = starting and how is signal.SIGINT and victim in ("coordinator", "fleet")
    assert by_python or "Traceback" not in running.errors, running.errors[-3000:]
    info = json.loads((running.directory / "run.json").read_text())
    # All agents may or may not have started when one of them ends: that is a matter of milliseconds.
    too_early = starting and victim == "worker" and info.get("ended_by") == "not_started"
    assert code == (3 if too_early else exit_code(victim, how)), running.errors[-2000:]
    questions = running.directory / "questions.csv"
    assert questions.read_bytes().endswith(b"\n")
    rows = read_frame(questions)
    if victim.startswith("locust") and how is signal.SIGKILL:
        assert info["ended"] is None
        return
    assert info["ended"] is not None
    if not rows.is_empty():
        assert read_run(running.directory).questions.equals(rows)
    if info["ended_by"] == "not_started":
        assert rows.is_empty() and info["problems"]
        return
    judge_counts(info, victim, how, rows.height)


def judge_counts(info: dict[str, Any], victim: str, how: signal.Signals, rows: int) -> None:
    counts = info["questions"]
    ended = counts["ok"] + counts["failed"] + counts["abandoned"]
    assert ended == rows
    if victim == "coordinator" and how in UNTOLD and info["coordinators"]:
        assert counts["dispatched"] is None
        assert UNTOLD[how] in info["problems"][0]
    else:
        assert counts["dispatched"] == ended


def all_hold(cell: Callable[[str, signal.Signals], None], cells: Iterable[tuple[str, signal.Signals]]) -> None:
    """Runs the cells, AT_A_TIME concurrently, and reports all that fail."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        futures = {f"{victim}, {how.name}": pool.submit(cell, victim, how) for victim, how in cells}
    failed = {name: error for name, future in futures.items() if (error := future.exception()) is not None}
    assert not failed, "\n\n".join(f"{name}: {error}" for name, error in failed.items())


def service(value_s: float) -> dict[str, Any]:
    return {"service_time": {"distribution": "constant", "value_s": value_s}}


def test_a_signal_while_it_starts(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(agents=24, questions=24)  # enough that starting them takes a while

    def cell(victim: str, how: signal.Signals) -> None:
        with run_of(scenario, tmp_path / f"{victim}-{how.name}".replace(" ", "-")) as running:
            STARTING[victim](running, how)
            judge(running, victim, how, starting=True)

    all_hold(cell, itertools.product(STARTING, SIGNALS))


def test_a_signal_in_the_middle(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(questions=40, workers=service(0.3), client={"timeout_s": 60})

    def cell(victim: str, how: signal.Signals) -> None:
        name = tmp_path / f"{victim}-{how.name}"
        with run_of(scenario, name, "--csv", name) as running:
            wait_for(running, lambda: running.asked)
            VICTIMS[victim](running).send_signal(how)
            if how is signal.SIGSTOP:
                time.sleep(0.5)
                running.locust.send_signal(signal.SIGINT)
            judge(running, victim, how)
        if victim == "locust" and how is not signal.SIGKILL:
            run = read_run(running.directory)
            assert run.info.to_json()["ended_by"] == "interrupted"
            assert 1 <= run.info.to_json()["questions"]["abandoned"] <= 4  # an agent may be between two questions
            with Path(f"{name}_stats.csv").open(newline="") as rows:
                assert {row["Request Count"] for row in csv.DictReader(rows)} == {str(run.questions.height)}
            assert (running.directory / "locust.html").stat().st_size > 1000

    hanging = itertools.product(("coordinator", "fleet", "worker"), [signal.SIGSTOP])
    all_hold(cell, [*hanging, *itertools.product(VICTIMS, SIGNALS)])


def test_a_signal_while_it_stops(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(workers=service(3.0))
    (tmp_path / "stopping.py").write_text(STOPPING)

    def cell(victim: str, how: signal.Signals) -> None:
        args = "-f", tmp_path / "stopping.py", "--stop-timeout", 20
        with run_of(scenario, tmp_path / f"{victim}-{how.name}", *args) as running:
            wait_for(running, lambda: "it stops" in running.errors)
            time.sleep(0.3)
            VICTIMS[victim](running).send_signal(how)
            judge(running, victim, how)

    all_hold(cell, itertools.product(VICTIMS, SIGNALS))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a process that doesn't notice its parent's death")
def test_what_hangs_does_not_outlive_its_parent(make_scenario: MakeScenario, tmp_path: Path) -> None:
    with run_of(make_scenario(questions=40, workers=service(0.3)), tmp_path / "run") as running:
        wait_for(running, lambda: running.asked)
        for hanging in (the_coordinator(running), *the_fleet(running).children()):
            hanging.suspend()
        family = running.family()
        assert len(family) == 6
        running.locust.kill()
        running.locust.wait()
        assert not still_running(family, 5)


HANGING = """
import socket
import time

look_up = socket.getaddrinfo

def hang(host, *args, **hints):
    if "hangs.invalid" in str(host):
        time.sleep(60)
    return look_up(host, *args, **hints)

socket.getaddrinfo = hang
"""


def test_a_name_lookup_that_hangs_does_not_hold_up_the_end(
    make_scenario: MakeScenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(HANGING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    scenario = make_scenario(
        agents=["http://hangs.invalid:1", "http://hangs.invalid:2"], workers=None, allow_remote=True
    )
    with contextlib.closing(Child("the coordinator", "fanout.coordinator", [str(scenario)])) as child:
        child.expect("ready")
        child.tell({"do": "round", "round": 1, "is_last": True})
        time.sleep(0.3)
        child.tell({"do": "stop", "drain_s": 0})
        assert [child.expect("outcome")["status"] for _ in range(2)] == ["abandoned", "abandoned"]
        assert child.close(timeout_s=20) == 0
