"""fanout.processes.fd_limits, against real processes under a real limit."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from fanout.errors import CouldNotRunError
from fanout.processes.fd_limits import check_agents, needed, needed_by_coordinator, needed_by_fleet
from fanout.runs.reader import read_run
from helpers.paths import ROOT
from helpers.scenarios import MakeScenario, scenario_of

pytestmark = pytest.mark.process

UNLIMITED = {"limits": {"max_connections": "unlimited"}}


def under(soft: int, hard: int, *args: object) -> subprocess.CompletedProcess[str]:
    """Runs `python -m …` with this limit on file descriptors."""
    limit = f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))"
    command = [sys.executable, "-c", f"{limit}; os.execv(sys.argv[1], sys.argv[1:])", sys.executable, "-m"]
    return subprocess.run(
        [*command, *map(str, args)], capture_output=True, text=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def assert_refused(done: subprocess.CompletedProcess[str], process: str, most: int, hard: int) -> None:
    assert done.returncode == 3, done.stderr[-2000:]
    assert (
        f"{process} needs {most} file descriptors, but {hard} are allowed here: allow more with ulimit" in done.stderr
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("client", "users"),
    [(UNLIMITED, 1), ({"topology": "per_agent"}, 1), ({}, 20)],
    ids=["shared", "per agent", "users"],
)
def test_a_run_passes_with_what_is_said_to_be_needed(
    make_scenario: MakeScenario, tmp_path: Path, client: dict[str, object], users: int
) -> None:
    agents = 70 if users == 1 else 2
    keys = {"agents": agents, "questions": 140, "client": client}
    workers = {"service_time": {"distribution": "constant", "value_s": 0.3}}
    scenario = make_scenario(**keys, workers=workers)
    process, most = max(needed(scenario_of(**keys), users).items(), key=lambda need: need[1])
    locust = ["locust", "--headless", "--scenario", scenario, "-u", users, "-r", users, "--run-dir"]
    assert_refused(under(64, most - 1, *locust, tmp_path / "refused"), process, most, most - 1)
    assert not (tmp_path / "refused").exists()
    if users == 1:  # starting twenty coordinators would take too long
        done = under(64, most, *locust, tmp_path / "run")
        assert done.returncode == 0, done.stderr[-3000:]
        assert read_run(tmp_path / "run").info.questions.ok == 140


def test_the_fleet_by_hand(make_scenario: MakeScenario) -> None:
    scenario = make_scenario(agents=80, workers={"tls": True})
    most = max(needed_by_fleet(scenario_of(agents=80)).values())
    assert_refused(under(40, most - 1, "workers.fleet", scenario), "the fleet of agents", most, most - 1)
    done = under(40, most, "workers.fleet", scenario)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_coordinator_by_hand(make_scenario: MakeScenario) -> None:
    agents = [f"http://127.0.0.1:{port}" for port in range(1, 70)]
    scenario = make_scenario(agents=agents, workers=None)
    (most,) = needed_by_coordinator(scenario_of(agents=agents, workers=None)).values()
    command = ("fanout.coordinator", scenario, "--rounds", 1)
    assert_refused(under(40, most - 1, *command), "a coordinator", most, most - 1)
    done = under(40, most, *command)
    assert done.returncode == 0
    assert "too many open files" not in done.stdout


@pytest.mark.parametrize("command", ["bench", "sweep"])
def test_nothing_is_made_where_there_are_too_few(make_scenario: MakeScenario, tmp_path: Path, command: str) -> None:
    grid = ["--set", "agents=100"] if command == "sweep" else []
    scenario = make_scenario(agents=100)
    most = max(needed(scenario_of(agents=100), 1).values())
    done = under(64, 90, "fanout.cli", command, scenario, *grid, "--results", tmp_path / "results")
    assert_refused(done, "a coordinator", most, 90)
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "results").exists()


def test_agents_that_run_may_have_too_few_for_more_users() -> None:
    check_agents(scenario_of(), 100, resource.RLIM_INFINITY)
    check_agents(scenario_of(), 100, 232)
    with pytest.raises(CouldNotRunError, match="with 231 file descriptors each, too few for 100 users: stop the test"):
        check_agents(scenario_of(), 100, 231)


def test_a_shared_client_opens_no_more_than_its_limit() -> None:
    few, all_of_them = ({"max_connections": limit} for limit in (10, "unlimited"))
    assert needed_by_coordinator(scenario_of(agents=500, client={"limits": few})) == {"a coordinator": 32 + 65}
    assert needed_by_coordinator(scenario_of(agents=500, client={"limits": all_of_them})) == {"a coordinator": 564}
    dual_stack = {"faults": [{"kind": "silent_first_address"}], "executor": {"threads": 1}}
    workers = {"host": "localhost"}
    twice = scenario_of(agents=500, client={"limits": all_of_them}, coordinator=dual_stack, workers=workers)
    assert needed_by_coordinator(twice) == {"a coordinator": 1064}
