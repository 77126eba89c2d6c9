"""fanout.fleet, the run's side of workers.fleet."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from conftest import MakeScenario, still_running

from fanout.errors import CouldNotRunError
from fanout.fleet import Agents, WorkerCounts
from fanout.scenario import load_scenario


def start(file: Path) -> Agents:
    return Agents(load_scenario(file), file)


def processes_of(agents: Agents) -> list[psutil.Process]:
    """The fleet, then its agents."""
    fleet = psutil.Process(agents.pid)
    return [fleet, *fleet.children(recursive=True)]


@pytest.mark.parametrize(("protocol", "path"), [("a2a", "/message"), ("agora", "/"), ("anp", "/message")])
def test_every_agent_is_a_healthy_process_of_its_own(make_scenario: MakeScenario, protocol: str, path: str) -> None:
    with start(make_scenario(protocol=protocol)) as agents, httpx.Client(trust_env=False) as client:
        assert len(agents.addresses) == len(set(agents.addresses)) == 4
        assert all(address.startswith("http://localhost:") for address in agents.addresses)
        for number, address in enumerate(agents.addresses, 1):
            assert client.get(f"{address}/health").json() == {"ok": True, "agent_id": f"agent-{number}"}
            assert client.post(f"{address}{path}", json={}).status_code in (400, 401)
        counts = agents.counts()
        assert counts == WorkerCounts(accepted=(1, 1, 1, 1), served=8, exited=())
        assert agents.workers is not None
        assert len({worker["pid"] for worker in agents.workers}) == 4
        processes = processes_of(agents)
        assert len(processes) == 5
    assert not still_running(processes)


def test_addresses_that_run_already_are_taken_as_they_are(make_scenario: MakeScenario) -> None:
    file = make_scenario(agents=["http://127.0.0.1:5001", "http://127.0.0.1:5002"], workers=None)
    with start(file) as agents:
        assert agents.addresses == ("http://127.0.0.1:5001", "http://127.0.0.1:5002")
        assert agents.counts() is None


def test_a_fixed_first_port_and_a_port_in_use(make_scenario: MakeScenario, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        file = make_scenario(agents=1, workers={"first_port": port, "host": "127.0.0.1"})
        with pytest.raises(CouldNotRunError, match="the fleet of agents ended before it was ready"):
            start(file)
        told = capfd.readouterr().err
        assert f"agent 1 can't listen on 127.0.0.1:{port}" in told
        assert "free that port" in told
        assert "Traceback" not in told
    with start(file) as agents:
        assert agents.addresses == (f"http://127.0.0.1:{port}",)


def test_agents_end_when_their_fleet_is_killed(make_scenario: MakeScenario) -> None:
    with start(make_scenario()) as agents:
        fleet, *workers = processes_of(agents)
        assert len(workers) == 4
        fleet.send_signal(signal.SIGKILL)
        assert not still_running(workers)


def test_a_killed_agent_is_told_of(make_scenario: MakeScenario) -> None:
    with start(make_scenario()) as agents:
        agents.counts()
        assert agents.workers is not None
        os.kill(agents.workers[2]["pid"], signal.SIGKILL)
        deadline = time.monotonic() + 5
        while (counts := agents.counts()) is not None and not counts.exited and time.monotonic() < deadline:
            time.sleep(0.01)
        assert counts is not None
        assert counts.exited == (3,)


def test_by_hand_it_ends_with_its_input(make_scenario: MakeScenario) -> None:
    command = [sys.executable, "-m", "workers.fleet", str(make_scenario(agents=2))]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.startswith('{"is": "ready", "addresses": ["http://localhost:')


def test_it_has_nothing_to_start_for_agents_that_run(make_scenario: MakeScenario) -> None:
    file = make_scenario(agents=["http://127.0.0.1:5001"], workers=None)
    command = [sys.executable, "-m", "workers.fleet", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3
    assert "nothing to start" in done.stderr
