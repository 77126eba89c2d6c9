"""workers.fleet: what the agents' processes share."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from fanout import protocols
from fanout.agents.deaths import Death
from fanout.agents.handle import Agents
from fanout.errors import ScenarioError
from fanout.locust_plugin.problems import connection_problems
from fanout.scenario.servers import SERVERS
from helpers.paths import ROOT
from helpers.processes import run_through
from helpers.scenarios import scenario_of

pytestmark = pytest.mark.process

IMPORTS_OF_AGENTS = """
import os, sys
from pathlib import Path
from fanout.scenario import load_scenario
from workers.fleet import Fleet

parent, output = os.getpid(), os.dup(1)  # an agent's own standard output is closed

def note(event, args):
    if event == "import" and os.getpid() != parent:
        os.write(output, f"{args[0]}\\n".encode())

sys.addaudithook(note)
fleet = Fleet(load_scenario(Path(sys.argv[1])))
try:
    fleet.start()
finally:
    fleet.stop()
"""


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("protocol", protocols.names())
def test_agents_import_nothing_that_the_fleet_could_share(protocol: str, server: str, tmp_path: Path) -> None:
    scenario = tmp_path / "small.yaml"
    scenario.write_text(scenario_of(agents=2, protocol=protocol, workers={"server": server}).to_yaml())
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS_OF_AGENTS, str(scenario)],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("protocol", ["a2a", "anp"])
def test_agents_that_share_a_process_are_agents_of_their_own(protocol: str, server: str, tmp_path: Path) -> None:
    workers = {"server": server, "per_process": 3, "service_time": {"distribution": "constant", "value_s": 0.01}}
    faults = [{"kind": "status", "code": 503, "agents": [2]}, {"kind": "one_at_a_time", "agents": [5]}]
    keys = {"agents": 7, "questions": 70, "protocol": protocol, "workers": {**workers, "faults": faults}}
    ran = run_through(scenario_of(**keys), tmp_path)
    assert [worker.agent for worker in ran.workers] == list(range(1, 8))
    assert len({worker.pid for worker in ran.workers}) == 3
    assert {outcome.agent for outcome in ran.outcomes if outcome.status == "failed"} == {2}
    asked = Counter(outcome.agent for outcome in ran.outcomes)
    assert {worker.agent: worker.served for worker in ran.workers} == dict(asked)
    assert connection_problems([ran.info], ran.workers) == []


def names_of(addresses: Sequence[str]) -> list[str]:
    """The names of those that answer."""
    found = []
    for address in addresses:
        with contextlib.suppress(httpx.TransportError):
            found.append(str(httpx.get(f"{address}/health").json()["agent_id"]))
    return found


def test_a_process_that_dies_takes_all_of_its_agents_and_all_are_restarted(tmp_path: Path) -> None:
    scenario = scenario_of(agents=5, workers={"per_process": 2, "restart": "always"})
    file = tmp_path / "small.yaml"
    file.write_text(scenario.to_yaml())
    deaths: list[Death] = []
    with Agents(scenario, file, on_death=deaths.append) as agents:
        agents.counts()
        before = {worker.agent: worker.pid for worker in agents.workers or ()}
        assert before[3] == before[4] and before[3] is not None
        os.kill(before[3], signal.SIGKILL)
        deadline = time.monotonic() + 10
        while len(deaths) < 2 or names_of(agents.addresses[2:4]) != ["agent-3", "agent-4"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        agents.counts()
        assert [(worker.agent, len(worker.deaths or ())) for worker in agents.workers or ()] == [
            (1, 0), (2, 0), (3, 1), (4, 1), (5, 0)
        ]  # fmt: skip
    assert sorted((death.agent, death.how, death.restarted) for death in deaths) == [
        (3, "SIGKILL", True), (4, "SIGKILL", True)
    ]  # fmt: skip


def test_a_fault_of_a_process_is_for_a_process_with_one_agent() -> None:
    for kind in ("crash", "hang"):
        with pytest.raises(ScenarioError, match=r"workers.faults\[?.?0\]?.kind"):
            scenario_of(workers={"per_process": 2, "faults": [{"kind": kind, "agents": [1]}]})
        scenario_of(workers={"per_process": 1, "faults": [{"kind": kind, "agents": [1]}]})
