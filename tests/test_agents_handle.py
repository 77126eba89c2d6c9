"""fanout.agents.handle, the run's side of workers.fleet."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from fanout.agents.deaths import Death
from fanout.agents.handle import Agents, WorkerCounts
from fanout.errors import CouldNotRunError
from fanout.protocols import QUESTION_ID_HEADER
from fanout.scenario import load_scenario
from helpers.paths import ROOT
from helpers.processes import still_running
from helpers.scenarios import MakeScenario
from workers.server import listen

pytestmark = pytest.mark.process


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
        assert counts == WorkerCounts(accepted=(1, 1, 1, 1), served=8, deaths=())
        assert agents.workers is not None
        assert len({worker.pid for worker in agents.workers}) == 4
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
        with pytest.raises(CouldNotRunError, match="the fleet of agents ended before it was ready") as refused:
            start(file)
        assert f"agent 1 can't listen on 127.0.0.1:{port}" in str(refused.value)
        assert "free that port" in str(refused.value)
        assert capfd.readouterr().err == ""
    with start(file) as agents:
        assert agents.addresses == (f"http://127.0.0.1:{port}",)


def test_agents_end_when_their_fleet_is_killed(make_scenario: MakeScenario) -> None:
    with start(make_scenario()) as agents:
        fleet, *workers = processes_of(agents)
        assert len(workers) == 4
        fleet.send_signal(signal.SIGKILL)
        assert not still_running(workers)


def deaths_of(scenario: Path, *, wanted: int, kill: int = 0) -> tuple[list[Death], WorkerCounts, list[str]]:
    """The deaths reported until `wanted` agents have died, the counters, and each agent's health afterwards.

    `kill` is the number of an agent to kill.
    """
    told: queue.Queue[Death] = queue.Queue()
    with Agents(load_scenario(scenario), scenario, on_death=told.put) as agents:
        agents.counts()
        assert agents.workers is not None
        if kill:
            os.kill(agents.workers[kill - 1].pid or 0, signal.SIGKILL)
        deaths = [told.get(timeout=5) for _ in range(wanted)]
        health = [health_of(address) for address in agents.addresses]
        counts = agents.counts()
        assert counts is not None
        return deaths, counts, health


def health_of(address: str) -> str:
    """An agent's id, or "refused" if it isn't restarted within 2 s."""
    deadline = time.monotonic() + 2
    while True:
        try:
            return str(httpx.get(f"{address}/health", timeout=5, trust_env=False).json()["agent_id"])
        except httpx.ConnectError:
            if time.monotonic() > deadline:
                return "refused"
            time.sleep(0.02)


def test_a_killed_agent_is_reported_at_once(make_scenario: MakeScenario) -> None:
    began = time.time()
    (death,), counts, health = deaths_of(make_scenario(), wanted=1, kill=3)
    assert (death.agent, death.how, death.restarted) == (3, "SIGKILL", False)
    assert 0 <= time.time() - death.at <= time.time() - began
    assert counts.deaths == (death,)
    assert health == ["agent-1", "agent-2", "refused", "agent-4"]


def test_a_killed_agent_is_started_again_at_its_address(make_scenario: MakeScenario) -> None:
    workers = {"service_time": {"distribution": "constant", "value_s": 0.0}, "restart": "once"}
    (death,), counts, health = deaths_of(make_scenario(workers=workers), wanted=1, kill=2)
    assert (death.agent, death.restarted, counts.deaths) == (2, True, (death,))
    assert health == ["agent-1", "agent-2", "agent-3", "agent-4"]


@pytest.mark.parametrize(("restart", "wanted"), [("once", 2), ("always", 4)])
def test_an_agent_is_started_again_as_often_as_the_scenario_says(
    make_scenario: MakeScenario, restart: str, wanted: int
) -> None:
    """Every question ends the process that receives it."""
    file = make_scenario(agents=1, workers={"restart": restart, "faults": [{"kind": "crash", "exit_status": 7}]})
    told: queue.Queue[Death] = queue.Queue()
    with Agents(load_scenario(file), file, on_death=told.put) as agents:
        deaths = []
        for number in range(wanted):
            assert health_of(agents.addresses[0]) == "agent-1"
            with pytest.raises(httpx.TransportError):
                url, headers = f"{agents.addresses[0]}/message", {QUESTION_ID_HEADER: str(number)}
                httpx.post(url, headers=headers, trust_env=False)
            deaths.append(told.get(timeout=5))
        again = [death.restarted for death in deaths]
    assert [death.how for death in deaths] == ["exit status 7"] * wanted
    assert again == ([True, False] if restart == "once" else [True] * wanted)


def test_an_agent_whose_port_is_taken_meanwhile_is_given_up(make_scenario: MakeScenario) -> None:
    file = make_scenario(agents=1, workers={"restart": "always"})
    told: queue.Queue[Death] = queue.Queue()
    with Agents(load_scenario(file), file, on_death=told.put) as agents:
        agents.counts()
        assert agents.workers is not None
        fleet = psutil.Process(agents.pid)
        fleet.suspend()  # otherwise the fleet would take the port first
        os.kill(agents.workers[0].pid or 0, signal.SIGKILL)
        port = urlsplit(agents.addresses[0]).port or 0
        with taken(port):
            fleet.resume()
            first, second = told.get(timeout=5), told.get(timeout=5)
    assert (first.how, first.restarted) == ("SIGKILL", True)
    assert second.how.startswith(f"not restarted: agent 1 can't listen on 127.0.0.1:{port}")
    assert not second.restarted


@contextlib.contextmanager
def taken(port: int) -> Iterator[None]:
    """Listens on a port as soon as it is free."""
    deadline = time.monotonic() + 5
    while True:
        try:
            listener = listen("127.0.0.1", port)
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    with listener:
        yield


def test_by_hand_it_ends_with_its_input(make_scenario: MakeScenario) -> None:
    command = [sys.executable, "-m", "workers.fleet", str(make_scenario(agents=2))]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.startswith('{"is": "ready", "addresses": ["http://localhost:')


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_forks_is_obeyed(make_scenario: MakeScenario, how: signal.Signals) -> None:
    """This includes a signal during a fork, which Python's fork hooks would otherwise drop."""
    command = [sys.executable, "-m", "workers.fleet", str(make_scenario(agents=40))]
    for delay_s in (0.0, 0.005, 0.01):
        fleet = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            started, deadline = psutil.Process(fleet.pid), time.monotonic() + 20
            while not started.children() and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(delay_s)
            workers = started.children()
            fleet.send_signal(how)
            assert (fleet.wait(10), fleet.communicate()[1]) == (130, b"")
            assert not still_running(workers)
        finally:
            fleet.kill()
            fleet.communicate()


def test_a_blank_line_is_no_command(make_scenario: MakeScenario) -> None:
    command = [sys.executable, "-m", "workers.fleet", str(make_scenario(agents=1))]
    done = subprocess.run(command, input="\n \n", capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""


def test_an_agent_that_a_nameless_signal_ends_is_reported(make_scenario: MakeScenario) -> None:
    file, told = make_scenario(agents=1), queue.Queue[Death]()
    with Agents(load_scenario(file), file, on_death=told.put) as agents:
        agents.counts()
        assert agents.workers is not None
        os.kill(agents.workers[0].pid or 0, 40)
        assert told.get(timeout=5).how == "signal 40"


def test_it_has_nothing_to_start_for_agents_that_run(make_scenario: MakeScenario) -> None:
    file = make_scenario(agents=["http://127.0.0.1:5001"], workers=None)
    command = [sys.executable, "-m", "workers.fleet", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3
    assert "nothing to start" in done.stderr


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs Linux's unshare")
def test_a_machine_without_free_ports(make_scenario: MakeScenario) -> None:
    network = "ip link set lo up && echo 40000 40003 >/proc/sys/net/ipv4/ip_local_port_range"
    if subprocess.run(["unshare", "-Urn", "sh", "-c", network], capture_output=True, check=False).returncode:
        pytest.skip("a network of one's own is not permitted here")
    fleet = f"{network} && exec {sys.executable} -m workers.fleet {make_scenario(agents=8)}"
    done = subprocess.run(
        ["unshare", "-Urn", "sh", "-c", fleet], capture_output=True, text=True, timeout=30, check=False, cwd=ROOT
    )
    assert done.returncode == 3
    assert done.stderr.startswith("workers.fleet: agent 5 finds no free port on 127.0.0.1: end what holds them")
    assert len(done.stderr.splitlines()) == 1


def test_a_line_that_is_no_command_ends_it_in_words(make_scenario: MakeScenario) -> None:
    command = [sys.executable, "-m", "workers.fleet", str(make_scenario(agents=1))]
    done = subprocess.run(command, input="\x1b[2J\n", capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (2, "workers.fleet: not a command: b'\\x1b[2J'\n")
