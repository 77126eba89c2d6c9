"""A plugin of pytest: what a test has left running is killed, and a test that has passed fails by it."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
from collections.abc import Generator
from typing import Any

import psutil
import pytest

from helpers.processes import still_running

VARIABLE = "STARTED_BY_TESTS"
"""The environment variable by which an orphan is known as ours; it holds the process ID of pytest."""
ENDS_WITHIN_S = 3
"""A process that is about to end is not left behind."""
KEPT: dict[pytest.FixtureDef[Any], set[psutil.Process]] = {}
"""What fixtures have started that several tests share."""
FAILED = pytest.StashKey[bool]()

os.environ[VARIABLE] = str(os.getpid())


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
    if fixturedef.scope == "function":
        return (yield)
    before = started()
    result = yield
    KEPT[fixturedef] = started() - before
    return result


def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[Any]) -> None:
    KEPT.pop(fixturedef, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    left: list[str] = []
    try:
        yield
    finally:
        if item.get_closest_marker("process"):
            left = kill_all_but(set().union(*KEPT.values()))
    if left and not item.stash.get(FAILED, False):
        pytest.fail(f"left running: {'; '.join(left)}", pytrace=False)


def started() -> set[psutil.Process]:
    """This process's children, theirs, and orphans of theirs."""
    found = set(psutil.Process().children(recursive=True))
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(VARIABLE) == str(os.getpid()):
                found.add(process)
    return found


def kill_all_but(kept: set[psutil.Process]) -> list[str]:
    """Kills what runs still, except for these and what these started; returns the command lines."""
    left = [process for process in started() - kept if kept.isdisjoint(_ancestors(process))]
    left = still_running(left, ENDS_WITHIN_S)
    lines = [_command_line(process) for process in left]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=ENDS_WITHIN_S)
    _let_go({process.pid for process in left})
    return lines


def _ancestors(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.parents()
    except psutil.Error:
        return []


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "a process that has just ended"


def _let_go(pids: set[int]) -> None:
    """Closes what holds these processes, or the next test would be warned of it."""
    for found in gc.get_objects() if pids else ():
        if isinstance(found, subprocess.Popen) and found.pid in pids:
            found.wait()
            for stream in (found.stdin, found.stdout, found.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()
