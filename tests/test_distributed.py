"""Runs of a master and its workers, as real processes on loopback."""

from __future__ import annotations

import csv
import functools
import os
import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from fanout.outcome import Outcome
from fanout.runs.reader import Run, read_run
from fanout.runs.schema import LocustWorkerInfo
from helpers.disks import within_files_up_to
from helpers.distributed import PLAIN_LOCUST, Command, Locust, Process, distributed, free_port
from helpers.networks import needs_networks, two_networks
from helpers.paths import ROOT
from helpers.processes import family_of, still_running, wait_until
from helpers.runs import outcomes_of
from helpers.scenarios import MakeScenario
from helpers.texts import numbers

pytestmark = pytest.mark.process

STEADY = {"service_time": {"distribution": "constant", "value_s": 0.1}}


def asked_of(outcomes: list[Outcome]) -> Counter[tuple[int, int, str]]:
    """How many rows each question has."""
    return Counter((outcome.coordinator, outcome.round, outcome.question_id) for outcome in outcomes)


def workers_of(run: Run) -> tuple[LocustWorkerInfo, ...]:
    assert run.info.locust_workers is not None
    return run.info.locust_workers


def requests_in(file: Path) -> list[int]:
    with file.open(newline="") as lines:
        return [int(row["Request Count"]) for row in csv.DictReader(lines)]


def test_processes_share_one_run_directory(make_scenario: MakeScenario, tmp_path: Path) -> None:
    port = free_port()
    ports = ("--master-bind-port", port, "--master-port", port)
    scenario = make_scenario(workers=STEADY, coordinator={"pause_s": 0.01})
    locust = Locust(
        tmp_path / "log", "--scenario", scenario, "--run-dir", tmp_path / "run", "--headless", "--processes", 2,
        "-u", 4, "-r", 4, *ports,
    )  # fmt: skip
    try:
        assert locust.wait() == 0, locust.output
    finally:
        locust.kill_all()
    run = read_run(tmp_path / "run")
    outcomes = outcomes_of(run)
    assert set(asked_of(outcomes).values()) == {1}
    info = run.info.to_json()
    assert info["questions"] == {"planned": 48, "dispatched": 48, "ok": 48, "failed": 0, "abandoned": 0}
    assert (info["connections"]["served"], info["connections"]["accepted"]) == (48, info["connections"]["opened"])
    assert [coordinator["coordinator"] for coordinator in info["coordinators"]] == [1, 2, 3, 4]
    ran_by = {coordinator["coordinator"]: coordinator["locust_worker"] for coordinator in info["coordinators"]}
    assert all(outcome.locust_worker == ran_by[outcome.coordinator] for outcome in outcomes)
    assert Counter(ran_by.values()) == {1: 2, 2: 2}
    for worker in workers_of(run):
        assert (worker.questions, worker.unaccounted, worker.left_early) == (24, None, False)
        assert worker.machine_load and worker.machine and worker.host
        assert worker.clock and not worker.clock.is_off
    assert (info["ended_by"], info["problems"]) == ("rounds_done", ())
    assert requests_in(tmp_path / "run" / "locust_stats.csv") == [48, 48]
    assert "Traceback" not in locust.output
    assert not still_running(family_of(tmp_path), 5)


def test_a_worker_that_is_killed_is_named_with_its_missing_questions(
    make_scenario: MakeScenario, tmp_path: Path
) -> None:
    with distributed(tmp_path, make_scenario(questions=100, workers=STEADY), "-u", 2, "-r", 2) as run:
        run.wait_for_rows(30)
        os.kill(run.workers[0].process.pid, signal.SIGKILL)
        assert run.master.wait() == 3, run.master.output
        assert run.workers[1].wait() == 0
        output = run.master.output
    found = read_run(tmp_path / "run")
    rows = Counter(outcome.locust_worker for outcome in outcomes_of(found))
    assert set(asked_of(outcomes_of(found)).values()) == {1}
    lost, other = sorted(workers_of(found), key=lambda worker: worker.unaccounted is None)
    assert rows[other.locust_worker] == other.questions == 100
    assert (lost.questions, lost.unaccounted) == (rows[lost.locust_worker], 100 - rows[lost.locust_worker])
    (problem,) = found.info.problems or ()
    assert str(lost) in problem and lost.unaccounted in numbers(problem)
    assert (found.info.questions.planned, found.info.questions.dispatched) == (200, None)
    assert "Traceback" not in output
    assert not still_running(family_of(tmp_path), 5)


def test_a_worker_that_is_cut_off_delivers_everything_when_it_is_back(
    make_scenario: MakeScenario, tmp_path: Path
) -> None:
    with distributed(tmp_path, make_scenario(questions=200, workers=STEADY), "-u", 2, "-r", 2) as run:
        run.wait_for_rows(30)
        run.relay.cut()
        run.wait_for_words("does not answer")
        time.sleep(2)
        run.relay.reconnect()
        assert run.master.wait() == 0, run.master.output
        assert [worker.wait() for worker in run.workers] == [0, 0]
        assert "is back" in run.master.output
    found = read_run(tmp_path / "run")
    assert set(asked_of(outcomes_of(found)).values()) == {1}
    assert len(outcomes_of(found)) == found.info.questions.dispatched == found.info.connections.served == 400
    assert [worker.questions for worker in workers_of(found)] == [200, 200]
    assert found.info.problems == ()


def test_a_run_without_workers_left_ends(make_scenario: MakeScenario, tmp_path: Path) -> None:
    with distributed(tmp_path, make_scenario(questions=100, workers=STEADY), "-u", 2, "-r", 2, workers=1) as run:
        run.wait_for_rows(30)
        os.kill(run.workers[0].process.pid, signal.SIGKILL)
        assert run.master.wait() == 3, run.master.output
    rows = len(outcomes_of(read_run(tmp_path / "run")))
    assert sum(worker.unaccounted or 0 for worker in workers_of(read_run(tmp_path / "run"))) == 200 - rows


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_master_drains_its_workers(
    make_scenario: MakeScenario, tmp_path: Path, number: signal.Signals
) -> None:
    with distributed(tmp_path, make_scenario(questions=100, workers=STEADY), "-u", 2, "-r", 2) as run:
        run.wait_for_rows(30)
        os.kill(run.master.process.pid, number)
        assert run.master.wait() == 130, run.master.output
        assert [worker.wait() for worker in run.workers] == [0, 0]
    counts = read_run(tmp_path / "run").info.questions
    assert (
        counts.dispatched == (counts.ok or 0) + (counts.abandoned or 0) == len(outcomes_of(read_run(tmp_path / "run")))
    )
    assert counts.abandoned and read_run(tmp_path / "run").info.ended_by == "interrupted"
    assert not still_running(family_of(tmp_path), 5)


def test_a_worker_that_is_ended_early_delivers_what_it_has(make_scenario: MakeScenario, tmp_path: Path) -> None:
    with distributed(tmp_path, make_scenario(questions=100, workers=STEADY), "-u", 2, "-r", 2) as run:
        run.wait_for_rows(30)
        os.kill(run.workers[0].process.pid, signal.SIGTERM)
        assert run.workers[0].wait() == 0
        assert run.master.wait() == 3, run.master.output
    found = read_run(tmp_path / "run")
    assert len(outcomes_of(found)) == found.info.questions.dispatched == found.info.connections.served
    assert [worker.left_early for worker in workers_of(found)].count(True) == 1
    assert all(worker.unaccounted is None for worker in workers_of(found))


@needs_networks
def test_a_worker_in_another_network_needs_agents_that_it_reaches(make_scenario: MakeScenario, tmp_path: Path) -> None:
    with two_networks() as networks, distributed(tmp_path, make_scenario(), networks=networks) as run:
        assert run.master.wait() == 3, run.master.output
        assert "runs on another machine" in run.master.output and "Traceback" not in run.master.output
        assert [worker.wait() for worker in run.workers] == [0, 0]


@needs_networks
def test_a_cable_that_is_pulled_for_a_while_costs_no_row(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(questions=200, workers=STEADY)
    with two_networks() as networks, ExitStack() as stack:
        agents = Command(tmp_path / "agents.log", "agents", scenario, "--bind", "10.77.0.1", within=networks.first)
        stack.callback(agents.kill_all)
        asking = tmp_path / "asking.yaml"
        asking.write_text(agents.printed("agents:", lines=4))
        run = stack.enter_context(distributed(tmp_path, asking, "-u", 2, "-r", 2, networks=networks))
        run.wait_for_rows(30)
        networks.cut()
        run.wait_for_words("does not answer")
        networks.reconnect()
        assert run.master.wait() in (0, 1), run.master.output  # questions of the worker may have failed meanwhile
        assert "is back" in run.master.output
    found = read_run(tmp_path / "run")
    assert set(asked_of(outcomes_of(found)).values()) == {1}
    assert len(outcomes_of(found)) == found.info.questions.dispatched == 400
    assert [worker.questions for worker in workers_of(found)] == [200, 200]


def test_a_full_disk_of_the_master_ends_the_run(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(questions=2000, workers={"service_time": {"distribution": "constant", "value_s": 0.001}})
    with distributed(tmp_path, scenario, "-u", 2, "-r", 2, within=within_files_up_to(9_000)) as run:
        assert run.master.wait() == 3, run.master.output
        assert [worker.wait() for worker in run.workers] == [0, 0]
        assert f"can't write to {tmp_path / 'run'}: File too large" in run.master.output
        assert "Traceback" not in run.master.output
    assert (tmp_path / "run" / "questions.csv").read_bytes().endswith(b"\n")


def test_a_worker_without_room_for_its_rows_is_lost(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario, port = make_scenario(questions=2000, workers=STEADY), free_port()
    with distributed(tmp_path, scenario, "-u", 1, workers=0, port=port) as run:
        small = Locust(tmp_path / "log", "--worker", "--master-port", port, within=within_files_up_to(9_000))
        try:
            assert small.wait() == 3, small.output
        finally:
            small.kill_all()
        assert "can't write to" in small.output and "TMPDIR" in small.output and "Traceback" not in small.output
        assert run.master.wait() == 3, run.master.output
    (worker,) = workers_of(read_run(tmp_path / "run"))
    assert worker.unaccounted == 2000 - len(outcomes_of(read_run(tmp_path / "run")))


def test_a_worker_s_command_line_allows_a_factory(make_scenario: MakeScenario, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import httpx\ndef make(addresses): return httpx.AsyncClient()\n")
    scenario, port = make_scenario(client={"factory": "mine:make"}), free_port()
    with distributed(tmp_path, scenario, "-u", 1, "--allow-factory", workers=0, port=port) as run:
        options = ("--worker", "--master-port", port, "--allow-factory")
        worker = Locust(tmp_path / "log", *options, PYTHONPATH=f"{ROOT}:{tmp_path}")
        try:
            assert (run.master.wait(), worker.wait()) == (0, 0), worker.output
        finally:
            worker.kill_all()
    assert len(outcomes_of(read_run(tmp_path / "run"))) == 12


OTHER_VERSION = """
import fanout
fanout.__version__ = "0.0.9"
"""


def test_a_worker_of_another_version_is_refused(make_scenario: MakeScenario, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(OTHER_VERSION)
    port = free_port()
    with distributed(tmp_path, make_scenario(), "-u", 1, workers=0, port=port) as run:
        older = Locust(tmp_path / "older.log", "--worker", "--master-port", port, PYTHONPATH=f"{ROOT}:{tmp_path}")
        try:
            assert older.wait() == 2, older.output
        finally:
            older.kill_all()
        assert "refuses this worker" in older.output and "0.0.9" in older.output
        assert "is refused" in run.master.output and "0.0.9" in run.master.output
        assert run.master.process.poll() is None  # it waits for another one
        good = Locust(tmp_path / "good.log", "--worker", "--master-port", port)
        try:
            assert (run.master.wait(), good.wait()) == (0, 0), run.master.output
        finally:
            good.kill_all()


def test_a_second_master_on_a_port_leaves_the_first_alone(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario, port = make_scenario(questions=100, workers=STEADY), free_port()
    args = ("--scenario", scenario, "--headless", "-u", 2, "-r", 2, "--master-bind-port", port, "--master-port", port)
    with distributed(tmp_path, scenario, "-u", 2, "-r", 2, port=port) as run:
        run.wait_for_rows(30)
        second = Locust(tmp_path / "second.log", *args, "--processes", 2, "--run-dir", tmp_path / "second")
        try:
            assert second.wait() == 3, second.output
        finally:
            second.kill_all()
        assert "Traceback" not in second.output and str(port) in second.output
        assert run.master.wait() == 0, run.master.output
    assert read_run(tmp_path / "run").info.questions.ok == 200
    assert [worker.questions for worker in workers_of(read_run(tmp_path / "run"))] == [100, 100]


def test_a_master_listens_on_loopback_unless_it_is_told_otherwise(make_scenario: MakeScenario, tmp_path: Path) -> None:
    with distributed(tmp_path, make_scenario(), workers=1) as run:
        run.wait_for_rows(1)
        family = [psutil.Process(run.master.process.pid), psutil.Process(run.workers[0].process.pid)]
        connections = [each for process in family for each in process.net_connections("inet")]
        assert {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
        assert run.master.wait() == 0 and "without a password" not in run.master.output


def test_the_web_ui_starts_workers_again_and_again(make_scenario: MakeScenario, tmp_path: Path) -> None:
    files = [make_scenario(f"{name}.yaml", workers=STEADY) for name in ("one", "two")]
    port, web_port = free_port(), free_port()
    with ExitStack() as stack:
        ports = ("--master-bind-port", port, "--web-port", web_port)
        master = Locust(tmp_path / "master.log", "--master", *ports, FANOUT_RESULTS=str(tmp_path / "results"))
        stack.callback(master.kill_all)
        for number in range(2):
            worker = Locust(tmp_path / f"worker{number}.log", "--worker", "--master-port", port)
            stack.callback(worker.kill_all)
        ui = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{web_port}", timeout=30))
        for count, file in enumerate((*files, *files), start=1):
            wait_until(lambda: ready_workers(ui) == 2)
            ui.post("/swarm", data={"user_count": 2, "spawn_rate": 2, "scenario": str(file)}).raise_for_status()
            wait_until(functools.partial(newest_run_has_rows, tmp_path / "results", count))
            wait_until(functools.partial(shows_each_worker, ui))
            ui.post("/stop").raise_for_status()
        os.kill(master.process.pid, signal.SIGTERM)
        assert master.wait() == 0, master.output
        assert "Traceback" not in master.output
    runs = [read_run(directory) for directory in sorted((tmp_path / "results").iterdir())]
    assert [run.info.scenario for run in runs] == ["one", "two", "one", "two"]
    for run in runs:
        assert len(outcomes_of(run)) == run.info.questions.dispatched == run.info.connections.served
        assert {worker.locust_worker for worker in workers_of(run)} == {1, 2}
        assert run.info.problems == ()
    assert {outcome.locust_worker for run in runs for outcome in outcomes_of(run)} == {1, 2}


def shows_each_worker(ui: httpx.Client) -> bool:
    """Whether the live page shows both workers together and each by itself."""
    views = [ui.get("/fanout/live.json", params={"view": view}).json() for view in ("all", "1", "2")]
    keys = [[view["key"] for view in found["views"]] for found in views]
    answered = [found["totals"]["ok"] for found in views]
    opened = [found["totals"]["opened"] for found in views]
    return keys == [["all", "1", "2"]] * 3 and all(answered) and opened == [8, 4, 4]


def newest_run_has_rows(results: Path, count: int) -> bool:
    """Whether there are so many runs, and the newest has a few rows."""
    runs = sorted(results.iterdir()) if results.exists() else []
    file = runs[-1] / "questions.csv" if len(runs) == count else results / "none"
    return file.exists() and file.read_bytes().count(b"\n") > 20


def ready_workers(ui: httpx.Client) -> int:
    try:
        workers = ui.get("/stats/requests").json().get("workers", [])  # missing until Locust has its runner
    except httpx.TransportError:
        return 0
    return sum(worker["state"] == "ready" for worker in workers)


def test_a_worker_that_comes_late_takes_part(make_scenario: MakeScenario, tmp_path: Path) -> None:
    port = free_port()
    args = ("-u", 2, "-r", 2, "--run-time", "12s", "--enable-rebalancing")
    with distributed(tmp_path, make_scenario(workers=STEADY), *args, workers=1, port=port) as run:
        run.wait_for_rows(30)
        late = Locust(tmp_path / "late.log", "--worker", "--master-port", port)
        try:
            assert run.master.wait() == 0, run.master.output
            assert late.wait() == 0
        finally:
            late.kill_all()
    found = read_run(tmp_path / "run")
    assert {outcome.locust_worker for outcome in outcomes_of(found)} == {1, 2}
    assert set(asked_of(outcomes_of(found)).values()) == {1}
    assert len(outcomes_of(found)) == found.info.questions.dispatched == found.info.connections.served


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_master_that_waits_for_workers_ends_with_those_it_has(
    make_scenario: MakeScenario, tmp_path: Path, number: signal.Signals
) -> None:
    port = free_port()
    with distributed(tmp_path, make_scenario(), "--expect-workers", 2, workers=1, port=port) as run:
        run.wait_for_words("1 workers connected")
        time.sleep(0.5)
        os.kill(run.master.process.pid, number)
        assert run.master.wait() == 130, run.master.output
        assert run.workers[0].wait(10) == 0
        assert "Traceback" not in run.master.output


def test_all_workers_may_be_away_for_a_while(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(questions=200, workers=STEADY)
    with distributed(tmp_path, scenario, "-u", 2, "-r", 2, workers=1) as run:
        run.wait_for_rows(30)
        run.relay.cut()
        run.wait_for_words("does not answer")
        time.sleep(2)
        run.relay.reconnect()
        assert run.master.wait() == 0, run.master.output
    found = read_run(tmp_path / "run")
    assert (found.info.questions.planned, found.info.questions.ok, found.info.problems) == (400, 400, ())


def test_users_of_a_round_stay_where_they_are(make_scenario: MakeScenario, tmp_path: Path) -> None:
    port = free_port()
    with distributed(tmp_path, make_scenario(questions=400, workers=STEADY), "-u", 4, "-r", 4, port=port) as run:
        run.wait_for_rows(30)
        late = Locust(tmp_path / "late.log", "--worker", "--master-port", port)
        try:
            run.wait_for_words("3 workers connected")
            os.kill(run.workers[1].process.pid, signal.SIGTERM)
            assert run.master.wait() == 3, run.master.output
            assert late.wait() == 0
        finally:
            late.kill_all()
    found = read_run(tmp_path / "run")
    assert found.info.questions.planned == 1600
    assert len(found.info.coordinators) == 4
    assert sum(worker.questions == 800 for worker in workers_of(found)) == 1


def test_a_worker_that_is_refused_in_a_run_takes_no_users(make_scenario: MakeScenario, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(OTHER_VERSION)
    port = free_port()
    args = ("-u", 4, "-r", 4, "--run-time", "12s")
    with distributed(tmp_path, make_scenario(workers=STEADY), *args, workers=1, port=port) as run:
        run.wait_for_rows(30)
        older = Locust(tmp_path / "older.log", "--worker", "--master-port", port, PYTHONPATH=f"{ROOT}:{tmp_path}")
        try:
            assert older.wait() == 2, older.output
            assert run.master.wait() == 0, run.master.output
        finally:
            older.kill_all()
    found = read_run(tmp_path / "run")
    ended = {outcome.coordinator: outcome.started or 0 for outcome in outcomes_of(found)}
    assert len(ended) == 4 and max(ended.values()) - min(ended.values()) < 2  # all asked to the end


def test_a_start_that_fails_in_the_web_ui_leaves_it_ready_for_the_next(
    make_scenario: MakeScenario, tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text("protocol: a2a\nagents: 0\n")
    good = make_scenario("good.yaml", workers=STEADY)
    port, web_port = free_port(), free_port()
    with ExitStack() as stack:
        ports = ("--master-bind-port", port, "--web-port", web_port)
        master = Locust(tmp_path / "master.log", "--master", *ports, FANOUT_RESULTS=str(tmp_path / "results"))
        stack.callback(master.kill_all)
        worker = Locust(tmp_path / "worker.log", "--worker", "--master-port", port)
        stack.callback(worker.kill_all)
        ui = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{web_port}", timeout=30))
        wait_until(lambda: ready_workers(ui) == 1)
        slow = {"user_count": 6, "spawn_rate": 1}
        ui.post("/swarm", data={**slow, "scenario": str(tmp_path / "bad.yaml")}).raise_for_status()
        wait_until(lambda: "bad.yaml:2" in master.output)
        wait_until(lambda: ready_workers(ui) == 1)
        ui.post("/swarm", data={**slow, "scenario": str(good)}).raise_for_status()
        wait_until(functools.partial(newest_run_has_rows, tmp_path / "results", 1))
        ui.post("/stop").raise_for_status()
        os.kill(master.process.pid, signal.SIGTERM)
        master.wait()
    (directory,) = (tmp_path / "results").iterdir()
    assert read_run(directory).info.problems == ()


SLOW_START = """
import time
from fanout.locust_plugin import run
from fanout.locust_plugin.user import CoordinatorUser
from locust import task
import gevent

begin = run.LocustRun._start_agents

def late(self):
    gevent.sleep(3)
    return begin(self)

run.LocustRun._start_agents = late

class Mine(CoordinatorUser):
    @task
    def round(self):
        self.client.round()
"""


def test_a_worker_that_comes_while_the_agents_start_takes_part(make_scenario: MakeScenario, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW_START)
    port = free_port()
    args = ("-u", 2, "-r", 2, "--run-time", "12s")
    mine = ("-f", tmp_path / "slow.py")
    with distributed(tmp_path, make_scenario(workers=STEADY), *args, workers=1, port=port, locustfile=mine) as run:
        run.wait_for_words("Sending spawn jobs")
        late = Process(tmp_path / "late.log", [*PLAIN_LOCUST, *mine, "--worker", "--master-port", port])
        try:
            assert run.master.wait() == 0, run.master.output
            assert late.wait() == 0
        finally:
            late.kill_all()
    found = read_run(tmp_path / "run")
    assert {outcome.locust_worker for outcome in outcomes_of(found)} == {1, 2}
    assert len(outcomes_of(found)) == found.info.questions.dispatched == found.info.connections.served
