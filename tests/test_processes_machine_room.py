"""fanout.processes.machine_room, with the memory of real processes."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from fanout.agents.handle import Agents
from fanout.errors import CouldNotRunError
from fanout.processes.machine_room import AGENT_MIB, Room, check_memory, check_room, needed_mib, room_here
from fanout.scenario.servers import SERVERS
from helpers.networks import run_with_few_ports
from helpers.scenarios import MakeScenario, scenario_of
from helpers.texts import numbers

ROOMY = Room(memory_mib=1e9, ports=30_000)


@pytest.mark.process
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("per_process", [1, 16])
def test_agents_take_about_the_memory_that_is_said_to_be_needed(tmp_path: Path, per_process: int, server: str) -> None:
    scenario = scenario_of(agents=32, workers={"server": server, "per_process": per_process})
    file = tmp_path / "many.yaml"
    file.write_text(scenario.to_yaml())
    with Agents(scenario, file) as agents:
        pids = {worker.pid for worker in (agents.counts() and agents.workers) or () if worker.pid is not None}
        assert len(pids) == 32 / per_process
        used = sum(psutil.Process(pid).memory_full_info().uss for pid in pids) / 2**20
    said = len(pids) * SERVERS[server].process_mib + 32 * AGENT_MIB
    assert said / 2 < used < said * 1.3


def test_what_cannot_fit_is_refused_with_numbers() -> None:
    scenario = scenario_of(agents=1000)
    check_room(scenario, 1, ROOMY)
    with pytest.raises(CouldNotRunError) as refused:
        check_room(scenario, 2, Room(memory_mib=2048, ports=30_000))
    serving, asking = needed_mib(scenario, 2)
    assert numbers(str(refused.value)) == [1000, round(serving / 1024, 1), 2, round(asking / 1024, 1), 2.0]
    assert "per_process" in str(refused.value)
    check_room(scenario_of(agents=1000, workers={"per_process": 100}), 2, Room(memory_mib=2048, ports=30_000))
    with pytest.raises(CouldNotRunError) as refused:
        check_room(scenario, 1, Room(memory_mib=1e9, ports=1032))
    assert numbers(str(refused.value))[:3] == [1000, 1033, 1032]
    with pytest.raises(CouldNotRunError, match="use fewer users"):
        check_room(scenario_of(), 100, Room(memory_mib=2048))
    few_connections = scenario_of(agents=512, questions=2000, dispatch={"per_agent": 1024})
    check_room(few_connections, 1, Room(memory_mib=4096))  # a pool has at most 100
    check_room(scenario_of(agents=1000, workers={"first_port": 2000}), 1, Room(memory_mib=1e9, ports=999))
    check_room(scenario, 1, Room(memory_mib=1e9))


def test_the_room_of_this_machine_is_known() -> None:
    room = room_here()
    assert 0 < room.memory_mib <= psutil.virtual_memory().total / 2**20


@pytest.mark.process
def test_a_run_is_refused_before_anything_is_started(make_scenario: MakeScenario, tmp_path: Path) -> None:
    locust = [sys.executable, "-m", "locust", "--headless", "--scenario", str(make_scenario(agents=64))]
    done = run_with_few_ports([*locust, "--run-dir", str(tmp_path / "r")], first=40_000, last=40_031)
    assert done.returncode == 3 and "64 agents and a coordinator need 97 ports" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "r").exists()


def test_runs_at_the_same_time_need_their_memory_together() -> None:
    scenario = scenario_of(agents=100)
    one = sum(needed_mib(scenario, 1))
    check_memory([scenario] * 4, Room(memory_mib=4 * one))
    with pytest.raises(CouldNotRunError) as refused:
        check_memory([scenario] * 5, Room(memory_mib=4 * one))
    assert numbers(str(refused.value)) == [5, round(5 * one / 1024, 1), round(4 * one / 1024, 1)]
