"""Runs the cases of advice_trial.py: without Locust, or in a network of few ports."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import _measure  # finds fanout
import polars as pl
import yaml
from _trial_cases import BASE, Case, merged

from fanout.agents.handle import Agents
from fanout.analysis.advice import Advice, advise
from fanout.outcome import Outcome
from fanout.runs.questions_csv import TYPES
from fanout.runs.reader import Run, read_run
from fanout.runs.schema import SCHEMA, ClientInfo, CoordinatorInfo, RunInfo, part_of
from fanout.scenario import Scenario, Setting, load_scenarios


def run_once(case: Case, scenario: Scenario, directory: Path) -> Run:
    """Runs a scenario once, without Locust: its agents, and one coordinator for one round."""
    file = _written(scenario, directory / "scenario.yaml")
    fleet = scenario.model_copy(update={"agents": 1}) if case.origin else scenario
    with Agents(fleet, _written(fleet, directory / "fleet.yaml")) as agents:
        addresses = [_nowhere() if number in case.absent else url for number, url in enumerate(agents.addresses, 1)]
        if case.origin:
            addresses = [f"{addresses[0]}/agents/{number}" for number in range(1, scenario.agent_count + 1)]
        options = []
        if agents.ca_pem is not None and case.trusts:
            (directory / "ca.pem").write_text(agents.ca_pem, encoding="utf-8")
            options = ["--ca-file", str(directory / "ca.pem")]
        with mock.patch.dict(os.environ, case.environment):
            lines = _measure.lines_of_coordinator(file, addresses, *options)
        agents.counts()
        info = RunInfo(
            SCHEMA,
            agents=tuple(addresses),
            client=part_of(ClientInfo, lines[0]["client"]),
            coordinators=(part_of(CoordinatorInfo, lines[-1]["coordinator"]),),
            workers=agents.workers,
        )
    outcomes = [Outcome.from_json(line).to_json() for line in lines if line["is"] == "outcome"]
    return Run(directory, scenario, info, pl.DataFrame(outcomes, schema=TYPES))


def _written(scenario: Scenario, file: Path) -> Path:
    file.write_text(scenario.to_yaml(), encoding="utf-8")
    return file


def _nowhere() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def run_in_network(ports: int, scenario: Scenario, directory: Path) -> Run:
    """Runs a scenario through Locust in a network of its own, whose loopback gives out only so many local ports."""
    file, results = _written(scenario, directory / "scenario.yaml"), directory / "run"
    command = [sys.executable, "-m", "locust", "--headless", "--scenario", str(file), "--run-dir", str(results)]
    within = ["unshare", "-Urn", "sh", "-c", f'{_network(ports)} && exec "$0" "$@"', *command]
    subprocess.run(within, cwd=_measure.ROOT, check=False, capture_output=True, timeout=90)
    return read_run(results)


def _network(ports: int) -> str:
    return f"ip link set lo up && echo 20000 {20000 + ports} >/proc/sys/net/ipv4/ip_local_port_range"


def is_possible(case: Case) -> bool:
    """Whether this system permits what a case needs."""
    if case.local_ports is None:
        return True
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "-Urn", "sh", "-c", _network(case.local_ports)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def advised(case: Case, seed: int, remedy: Mapping[str, Any] | None = None) -> tuple[Run, list[Advice]]:
    """One run of a case, and the advice on it. `remedy` has values for keys of the scenario, which are paths."""
    with tempfile.TemporaryDirectory(prefix="fanout-trial-") as folder:
        directory = Path(folder)
        file = directory / "case.yaml"
        file.write_text(yaml.safe_dump(merged(BASE, case.scenario, {"seed": seed})), encoding="utf-8")
        settings = [Setting(key, value, "the remedy") for key, value in (remedy or {}).items()]
        (scenario,) = load_scenarios(file, [settings])
        if case.local_ports is None:
            run = run_once(case, scenario, directory)
        else:
            run = run_in_network(case.local_ports, scenario, directory)
        return run, advise(run)
