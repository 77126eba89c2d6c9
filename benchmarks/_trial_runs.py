"""Runs the cases of advice_trial.py: without Locust, or in a network of few ports."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

import _measure  # finds fanout
import polars as pl
import yaml
from _trial_cases import BASE, Case, Keys, merged

from fanout.agents.handle import Agents
from fanout.analysis.advice import Advice, advise
from fanout.outcome import Outcome
from fanout.processes.child import Child
from fanout.runs.questions_csv import TYPES
from fanout.runs.reader import Run, read_run
from fanout.runs.schema import SCHEMA, ClientInfo, CoordinatorInfo, RunInfo, part_of
from fanout.scenario import parse_scenario


def run_once(case: Case, keys: Keys, directory: Path) -> Run:
    """Runs a scenario once, without Locust: its agents, and one coordinator for one round."""
    scenario = parse_scenario(yaml.safe_dump(merged(BASE, keys)), directory / "scenario.yaml")
    file = directory / "scenario.yaml"
    file.write_text(scenario.to_yaml(), encoding="utf-8")
    fleet = scenario.model_copy(update={"agents": 1}) if case.origin else scenario
    fleet_file = directory / "fleet.yaml"
    fleet_file.write_text(fleet.to_yaml(), encoding="utf-8")
    with Agents(fleet, fleet_file) as agents, mock.patch.dict(os.environ, case.environment):
        addresses = [_nowhere() if number in case.absent else url for number, url in enumerate(agents.addresses, 1)]
        if case.origin:
            addresses = [f"{addresses[0]}/agents/{number}" for number in range(1, scenario.agent_count + 1)]
        args = [str(file), "--agents", ",".join(addresses), "--rounds", "1"]
        if agents.ca_pem is not None and case.trusts:
            (directory / "ca.pem").write_text(agents.ca_pem, encoding="utf-8")
            args += ["--ca-file", str(directory / "ca.pem")]
        child = Child("the coordinator", "fanout.coordinator", args)
        lines = list(iter(child.listen, None))
        child.close()
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


def _nowhere() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def run_in_network(ports: int, keys: Keys, directory: Path) -> Run:
    """Runs a scenario through Locust in a network of its own, whose loopback gives out only so many local ports."""
    file, results = directory / "trial.yaml", directory / "run"
    file.write_text(yaml.safe_dump(merged(BASE, keys)), encoding="utf-8")
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


def advised(case: Case, keys: Keys) -> tuple[Run, list[Advice]]:
    """One run, and the advice on it."""
    with tempfile.TemporaryDirectory(prefix="fanout-trial-") as folder:
        directory = Path(folder)
        if case.local_ports is None:
            run = run_once(case, keys, directory)
        else:
            run = run_in_network(case.local_ports, keys, directory)
        return run, advise(run)
