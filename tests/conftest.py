"""The fixtures that many tests need, and what holds for every test."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import trustme

from fanout.agents.handle import Agents
from fanout.scenario import load_scenario
from helpers import leftovers
from helpers.scenarios import MakeScenario, scenario_of

# nohup ignores the first, and a shell the second for what runs in its background.
for ignored in (signal.SIGHUP, signal.SIGINT):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, lambda *_: None)  # unlike SIG_IGN, not inherited by what the tests start

WITH_BROWSER = ("test_web_browser.py",)


@pytest.fixture
def make_scenario(tmp_path: Path) -> MakeScenario:
    """Writes a small scenario with the given keys laid over it; returns its file."""

    def make(file_name: str = "small.yaml", **keys: Any) -> Path:
        path = tmp_path / file_name
        path.write_text(scenario_of(**{"name": Path(file_name).stem, **keys}).to_yaml(), encoding="utf-8")
        return path

    return make


@pytest.fixture(scope="session")
def four_agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """Addresses of four A2A agents that answer in about 10 ms."""
    file = tmp_path_factory.mktemp("four-agents") / "small.yaml"
    file.write_text(scenario_of().to_yaml(), encoding="utf-8")
    with Agents(load_scenario(file), file) as agents:
        yield agents.addresses


@pytest.fixture(scope="session", autouse=True)
def one_certificate_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clients trust one authority only: to load all that certifi knows takes 40 ms each time."""
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    with mock.patch("certifi.where", return_value=str(file)):
        yield


def pytest_configure(config: pytest.Config) -> None:
    # Not hooks of this file, which are not called for the fixtures of a whole session.
    config.pluginmanager.register(leftovers)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "four_agents" in getattr(item, "fixturenames", ()) or item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.process)  # so that one expression leaves out all that take long
    # Files that take long come first, so that short ones fill the time until the last one of them has ended. Those with
    # a browser, whose CPU time disturbs others, come last of them.
    long = {item.path for item in items if item.get_closest_marker("process")}
    items.sort(key=lambda item: (item.path not in long, item.path.name in WITH_BROWSER))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that starts a process has to say so; a run that is written down may ask git."""
    start = subprocess.Popen.__init__

    def start_git(self: subprocess.Popen[Any], args: Any, *others: Any, **options: Any) -> None:
        if args[0] != "git":
            pytest.fail(f"starts {args}; mark the test with @pytest.mark.process, or its module with pytestmark")
        start(self, args, *others, **options)

    if item.get_closest_marker("process"):
        return (yield)
    with mock.patch.object(subprocess.Popen, "__init__", start_git):
        return (yield)


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Where CI=true, what is skipped has failed: nobody would notice that it is never run."""
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        why = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longreprtext
        report.outcome, report.longrepr = "failed", f"nothing may be skipped where CI=true: {why}"


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fail_if_skipped(report)
    return report
