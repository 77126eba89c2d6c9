"""fanout.locust_plugin: whole runs through Locust, as a user starts them. Runs take time, so each test checks much."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import psutil
import pytest

from fanout.locust_plugin.problems import DEFECT
from fanout.outcome import Outcome
from fanout.runs.reader import Run, read_run
from helpers.paths import ROOT
from helpers.runs import outcomes_of
from helpers.scenarios import MakeScenario
from helpers.texts import numbers

pytestmark = pytest.mark.process

LOCUST = [sys.executable, "-m", "locust"]
PORTS = ("--master-bind-port", "0", "--master-port", "9")
"""Nobody connects to them: for masters that end before they need workers."""
SLOW = {"service_time": {"distribution": "constant", "value_s": 30.0}}


def locust(*args: object, timeout_s: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*LOCUST, "-f", str(ROOT / "locustfiles" / "coordinator.py"), *map(str, args)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout_s, check=False, env=environment_with(**environment)
    )


def environment_with(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def run_headless(scenario: Path, directory: Path, *args: object) -> tuple[Run, subprocess.CompletedProcess[str]]:
    done = locust("--scenario", scenario, "--run-dir", directory, "--headless", *args)
    assert done.returncode == 0, done.stderr[-3000:]
    return read_run(directory), done


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def assert_each_ended_once(outcomes: Sequence[Outcome], coordinators: int, questions: int) -> None:
    ended = Counter((o.coordinator, o.round, o.question_id) for o in outcomes)
    assert set(ended.values()) == {1}
    assert len(ended) == coordinators * questions


def test_agents_with_https_that_close_every_connection(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(workers={"server": "werkzeug", "tls": True})
    run, done = run_headless(scenario, tmp_path / "run", "-u", 2)
    assert_each_ended_once(outcomes_of(run), 2, 12)
    assert {outcome.status for outcome in outcomes_of(run)} == {"ok"}
    assert (tmp_path / "run" / "ca.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert run.info.to_json()["connections"]["opened"] == run.info.to_json()["connections"]["accepted"] == 24
    assert run.info.to_json()["connections"]["closed_by_peer"] == 24
    assert run.info.problems == ()
    advice = [line for line in done.stderr.splitlines() if line.startswith("advice: ")]
    (closing,) = (line for line in advice if "Connection: close" in line)
    assert "agents 1, 2, 3, 4 " in closing
    assert len(advice) == 1 or "suspect" in done.stderr  # on a busy machine


def test_a_connection_from_elsewhere_is_a_defect_of_the_run(make_scenario: MakeScenario, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workers = {"first_port": port, "service_time": {"distribution": "constant", "value_s": 0.3}}
    over = threading.Event()

    def intrude() -> None:
        while not over.wait(0.05):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()

    intruder = threading.Thread(target=intrude)
    intruder.start()
    try:
        run, _ = run_headless(make_scenario(agents=1, questions=4, workers=workers), tmp_path / "run", "-u", 1)
    finally:
        over.set()
        intruder.join()
    assert run.info.to_json()["connections"]["accepted"] > run.info.to_json()["connections"]["opened"] == 1
    (defect,) = run.info.to_json()["problems"]
    assert defect.startswith(DEFECT) and numbers(defect)[:2] == [1, 1]


@pytest.mark.parametrize(
    ("agents", "questions", "limits", "opened"),
    [
        (8, 40, None, 8),
        (32, 100, None, 100),
        (32, 100, {"max_connections": 1000, "max_keepalive_connections": 200}, 32),
    ],
    ids=["eight agents", "default limits", "tuned limits"],
)
def test_one_round_and_its_connections_by_both_counts(
    make_scenario: MakeScenario, tmp_path: Path, agents: int, questions: int, limits: Any, opened: int
) -> None:
    workers = {"service_time": {"distribution": "lognormal", "median_s": 0.1, "sigma": 0.3}}
    scenario = make_scenario(agents=agents, questions=questions, client={"limits": limits or {}}, workers=workers)
    run, done = run_headless(scenario, tmp_path / "run", "-u", 1, "--csv", tmp_path / "out")

    assert_each_ended_once(outcomes_of(run), 1, questions)
    assert {outcome.status for outcome in outcomes_of(run)} == {"ok"}
    assert all(outcome.adapter_ms is not None and outcome.adapter_ms > 0 for outcome in outcomes_of(run))
    # Allows a little slack: which connections are idle decides whether a default pool keeps one now and then.
    assert abs(run.info.to_json()["connections"]["opened"] - opened) <= 0.1 * opened
    connections = run.info.to_json()["connections"]
    assert (connections["accepted"], connections["served"]) == (connections["opened"], questions)
    assert connections["reused"] == questions - connections["opened"]
    closed = connections["closed_by_us"] + connections["closed_by_peer"]
    assert (connections["open"], connections["elsewhere"]) == (connections["opened"] - closed, 0)
    assert len({o.connection for o in outcomes_of(run)}) == run.info.to_json()["connections"]["opened"]
    assert sum(o.reused is False for o in outcomes_of(run)) == run.info.to_json()["connections"]["opened"]
    assert run.info.to_json()["questions"] == {
        "planned": questions, "dispatched": questions, "ok": questions, "failed": 0, "abandoned": 0
    }  # fmt: skip
    assert (run.info.ended_by, run.info.problems) == ("rounds_done", ())
    assert run.info.to_json()["coordinators"][0]["loop_health"]["lag_ms"]

    (row, total) = rows_of(tmp_path / "out_stats.csv")
    assert (row["Type"], row["Name"], row["Request Count"], row["Failure Count"]) == (
        "a2a", "small", str(questions), "0"
    )  # fmt: skip
    mean_ms = sum(o.adapter_ms or 0 for o in outcomes_of(run)) / questions
    assert float(row["Average Response Time"]) == pytest.approx(mean_ms, rel=1e-6)
    assert total["Request Count"] == str(questions)
    assert rows_of(tmp_path / "run" / "locust_stats.csv") == [
        {**row, "Requests/s": mine["Requests/s"]}
        for row, mine in zip((row, total), rows_of(tmp_path / "run" / "locust_stats.csv"), strict=True)
    ]
    (entry,) = json.loads((tmp_path / "run" / "locust.json").read_text())
    assert sum(entry["response_times"].values()) == questions
    assert "</html>" in (tmp_path / "run" / "locust.html").read_text()
    assert "Traceback" not in done.stderr


def test_several_coordinators_do_a_round_each(make_scenario: MakeScenario, tmp_path: Path) -> None:
    run, _ = run_headless(make_scenario(), tmp_path / "run", "-u", 3, "-r", 2)
    assert_each_ended_once(outcomes_of(run), 3, 12)
    assert [c["rounds"] for c in run.info.to_json()["coordinators"]] == [1, 1, 1]
    assert len({c["coordinator"] for c in run.info.to_json()["coordinators"]}) == 3


CHATTY = """
import os, subprocess, sys

if "fanout.coordinator" in sys.orig_argv:
    os.write(2, f"coordinator {os.getpid()} has something to say\\n".encode())  # in one write, since others write too
    # This child holds the pipes open a little longer than the coordinator lives.
    subprocess.Popen(["sh", "-c", f"while kill -0 {os.getpid()}; do sleep 0.1; done 2>/dev/null; sleep 1"])
"""


def test_a_run_ends_although_the_pipes_of_its_coordinators_stay_open(
    make_scenario: MakeScenario, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(CHATTY)
    done = locust(
        "--scenario", make_scenario(questions=4), "--run-dir", tmp_path / "run", "--headless", "-u", 2, "-r", 2,
        PYTHONPATH=f"{ROOT}:{tmp_path}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    run = read_run(tmp_path / "run")
    assert_each_ended_once(outcomes_of(run), 2, 4)
    for coordinator in run.info.coordinators:
        assert f"coordinator {coordinator.pid} has something to say\n" in done.stderr


def test_rounds_are_repeated_until_the_time_limit_and_drained(make_scenario: MakeScenario, tmp_path: Path) -> None:
    run, _ = run_headless(make_scenario(), tmp_path / "run", "-u", 2, "-r", 2, "--run-time", "10s")
    counts = run.info.to_json()["questions"]
    assert counts["dispatched"] == counts["ok"] == len(outcomes_of(run))
    assert all(coordinator["rounds"] > 3 for coordinator in run.info.to_json()["coordinators"])
    assert set(Counter((o.coordinator, o.round, o.question_id) for o in outcomes_of(run)).values()) == {1}
    assert run.info.to_json()["ended_by"] == "stopped"


def test_questions_that_arrive_go_on_from_round_to_round(make_scenario: MakeScenario, tmp_path: Path) -> None:
    slow = {"service_time": {"distribution": "constant", "value_s": 0.6}}
    scenario = make_scenario(arrivals={"rate": 20}, dispatch={"per_agent": 8}, workers=slow, gates=["late >= 0"])
    run, _ = run_headless(scenario, tmp_path / "run", "--run-time", "6s")
    (coordinator,) = run.info.coordinators
    counts = run.info.questions
    assert counts.dispatched == counts.ok == len(outcomes_of(run))
    assert coordinator.arrivals is not None and coordinator.arrivals.due == counts.dispatched
    assert (coordinator.rounds or 0) >= 3  # a round that waits for its answers would take 1.15 s
    started = sorted(outcome.started or 0 for outcome in outcomes_of(run))
    gaps = [later - earlier for earlier, later in itertools.pairwise(started)]
    assert gaps == pytest.approx([0.05] * len(gaps), abs=0.01)
    assert max(outcome.in_flight or 0 for outcome in outcomes_of(run)) >= 12


def test_a_shape_starts_and_drains_users(make_scenario: MakeScenario, tmp_path: Path) -> None:
    spike = {"kind": "spike", "users": 1, "peak_users": 3, "before_s": 2, "peak_s": 6, "after_s": 4}
    scenario = make_scenario(arrivals={"rate": 30}, shape=spike)
    run, done = run_headless(scenario, tmp_path / "run", "-u", 5)
    outcomes = outcomes_of(run)
    assert {outcome.status for outcome in outcomes} == {"ok"}
    assert set(Counter((o.coordinator, o.round, o.question_id) for o in outcomes).values()) == {1}
    assert [coordinator.coordinator for coordinator in run.info.coordinators] == [1, 2, 3]
    assert run.info.problems == ()
    last = [max(o.started or 0 for o in outcomes if o.coordinator == number) for number in (1, 2, 3)]
    assert sum(moment > max(last) - 2 for moment in last) == 1  # one is left after the peak
    assert "--users has no effect" in done.stderr


SHAPED = """
from locust import LoadTestShape
from fanout.locust_plugin.user import CoordinatorUser

class Coordinator(CoordinatorUser):
    pass

class Mine(LoadTestShape):
    def tick(self):
        return None
"""


def test_a_scenario_and_a_locustfile_do_not_both_have_a_shape(make_scenario: MakeScenario, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SHAPED)
    scenario = make_scenario(shape={"kind": "steps", "users": [1], "each_s": 1})
    done = locust("-f", tmp_path / "mine.py", "--scenario", scenario, "--headless")
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if "Mine" in line] == [done.stderr.splitlines()[-1]]


def test_agents_that_run_already(make_scenario: MakeScenario, four_agents: tuple[str, ...], tmp_path: Path) -> None:
    run, _ = run_headless(make_scenario(agents=list(four_agents), workers=None), tmp_path / "run")
    assert_each_ended_once(outcomes_of(run), 1, 12)
    assert run.info.to_json()["agents"] == four_agents
    connections = run.info.to_json()["connections"]
    assert (connections["opened"], connections["accepted"], connections["served"]) == (4, None, None)


def test_failed_questions_are_failures_and_exit_code_1(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(client={"timeout_s": 0.05}, workers=SLOW)
    done = locust("--scenario", scenario, "--run-dir", tmp_path / "run", "--headless", "--csv", tmp_path / "out")
    assert done.returncode == 1
    run = read_run(tmp_path / "run")
    assert_each_ended_once(outcomes_of(run), 1, 12)
    assert {(o.status, o.error_kind, o.adapter_ms) for o in outcomes_of(run)} == {("failed", "read_timeout", None)}
    (failure,) = rows_of(tmp_path / "out_failures.csv")
    assert failure["Occurrences"] == "12"
    assert "nothing received for 0.05 s" in failure["Error"]


@pytest.mark.parametrize(
    ("args", "exit_code"),
    [
        (("--exit-code-on-error", 0), 0),
        (("--exit-code-on-error", 7), 7),
        (("--exit-code-on-error", 0, "--gate", "failed == 0"), 1),
        (("--exit-code-on-error", 7, "--gate", "failed <= 12"), 0),
    ],
)
def test_locust_s_exit_code_on_error_is_for_what_no_written_gate_judges(
    make_scenario: MakeScenario, tmp_path: Path, args: Sequence[object], exit_code: int
) -> None:
    scenario = make_scenario(client={"timeout_s": 0.05}, workers=SLOW)
    done = locust("--scenario", scenario, "--run-dir", tmp_path / "run", "--headless", *args)
    assert done.returncode == exit_code, done.stderr[-3000:]
    assert f"(exit code {exit_code})" in done.stderr
    assert read_run(tmp_path / "run").info.to_json()["questions"]["failed"] == 12
    assert ("did not pass" in done.stderr) == (exit_code != 0)


OTHER_REQUESTS = """
from locust import task
from fanout.locust_plugin.user import CoordinatorUser

class Other(CoordinatorUser):
    @task
    def both(self):
        self.client.round()
        self.environment.events.request.fire(
            request_type="GET", name="/other", response_time=1, response_length=1, context={}, exception=OSError("no")
        )
"""


def test_a_failed_request_that_is_no_question_counts_as_in_locust(make_scenario: MakeScenario, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OTHER_REQUESTS)
    mine = ("-f", tmp_path / "mine.py", "--scenario", make_scenario(), "--headless")
    for code in (5, 0):
        done = locust(*mine, "--run-dir", tmp_path / str(code), LOCUST_EXIT_CODE_ON_ERROR=str(code))
        assert done.returncode == code, done.stderr[-3000:]


MIXED = """
from locust import task
from fanout.locust_plugin.user import CoordinatorUser

class Mixed(CoordinatorUser):
    def context(self):
        return {"mine": "yes"}

    @task
    def both(self):
        assert self.client.ask("Who?", agent=2) == "agent-2 answers: Who?"
        assert self.client.round() == 12
"""


def test_agents_that_die_are_reported_and_restarted(make_scenario: MakeScenario, tmp_path: Path) -> None:
    crash = {"kind": "crash", "agents": [2], "share": 0.5}
    workers = {"restart": "always", "faults": [crash], "service_time": {"distribution": "constant", "value_s": 0.05}}
    scenario = make_scenario(questions=60, seed=4, workers=workers)
    done = locust("--scenario", scenario, "--run-dir", tmp_path / "run", "--headless", "-u", 1)
    assert done.returncode == 1, done.stderr[-3000:]
    run = read_run(tmp_path / "run")
    assert_each_ended_once(outcomes_of(run), 1, 60)
    assert {outcome.agent for outcome in outcomes_of(run) if outcome.status == "failed"} == {2}

    deaths = run.info.to_json()["workers"][1]["deaths"]
    assert {(death["how"], death["restarted"]) for death in deaths} == {("exit status 70", True)}
    # A death follows a question; questions that arrive while the process ends are lost too, or refused.
    asked = [outcome.started or 0 for outcome in outcomes_of(run) if outcome.error_kind == "connection_lost"]
    assert 1 <= len(deaths) <= len(asked)
    assert all(any(0 <= death["at"] - started < 1 for started in asked) for death in deaths)
    assert done.stderr.count("agent 2's process ended (exit status 70): it is restarted") == len(deaths)
    (problem,) = [problem for problem in run.info.problems or () if problem.startswith("agent 2 ")]
    assert len(deaths) == 1 or numbers(problem)[1] == len(deaths)
    assert not [problem for problem in run.info.problems or () if problem.startswith(DEFECT)]


def test_an_internal_error_at_the_start_ends_the_run(make_scenario: MakeScenario, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(
        "from fanout.locust_plugin import session\n"
        "from fanout.locust_plugin.user import CoordinatorUser\n"
        "session.Session._new_run = lambda *_: 1 / 0\n"
        "class User(CoordinatorUser): pass\n"
    )
    done = locust("-f", broken, "--scenario", make_scenario(), "--run-dir", tmp_path / "run", "--headless", "-u", 1)
    assert done.returncode == 3
    assert "ZeroDivisionError: division by zero" in done.stderr


def test_a_time_limit_that_ends_before_the_agents_have_started(make_scenario: MakeScenario, tmp_path: Path) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import gevent, gevent.monkey, time\n"
        "from locust import events\n"
        "from fanout.locust_plugin import session\n"
        "from fanout.locust_plugin.user import CoordinatorUser\n"
        "session.Session._new_run = lambda *_: gevent.sleep(60)\n"
        "class User(CoordinatorUser): pass\n"
        "late_s = lambda: time.time() - gevent.get_hub().loop.now()\n"
        "events.init.add_listener(lambda **_: print('late by', late_s()))\n"
        "gevent.monkey.get_original('time', 'sleep')(2)\n"
    )
    done = locust("-f", slow, "--scenario", make_scenario(), "--headless", "-u", 1, "--run-time", "1s")
    assert done.returncode == 3
    assert "--run-time" in done.stderr
    late_s = float(done.stdout.split("late by")[1].split()[0])
    assert late_s < 2  # the time of imports is not part of the limit


def test_a_locustfile_can_mix_rounds_and_questions(make_scenario: MakeScenario, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MIXED)
    run, done = run_headless(make_scenario(), tmp_path / "run", "-f", tmp_path / "mine.py", "--class-picker")
    assert len(outcomes_of(run)) >= 13
    assert [o.agent for o in outcomes_of(run) if o.round == 0][:1] == [2]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--scenario", "nowhere.yaml"), "nowhere.yaml: can't be read: No such file"),
        (("--scenario", "{bad}"), "bad.yaml:2: agents: 0 is not allowed"),
        (("--scenario", "{good}", "--gate", "speed < 5"), "--gate: 'speed < 5': no metric 'speed'; allowed: "),
        (("--scenario", "{bad}", "--processes", "2", *PORTS), "bad.yaml:2: agents: 0 is not allowed"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    make_scenario: MakeScenario, tmp_path: Path, args: tuple[str, ...], expected: str
) -> None:
    (tmp_path / "bad.yaml").write_text("protocol: a2a\nagents: 0\n")
    names = {"bad": tmp_path / "bad.yaml", "good": make_scenario("good.yaml")}
    done = locust(*(arg.format(**names) for arg in args), "--headless", "--run-dir", tmp_path / "run")
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_headless_run_has_users(make_scenario: MakeScenario) -> None:
    done = locust("--headless", "-u", 0, "--scenario", make_scenario())
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "--users 0: allowed: 1 or more")


def test_the_scenario_can_come_from_the_environment(make_scenario: MakeScenario, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    done = locust("--headless", FANOUT_SCENARIO=str(make_scenario()), FANOUT_RUN_DIR=run)
    assert done.returncode == 0
    assert len(outcomes_of(read_run(Path(run)))) == 12


def test_the_default_scenario_is_the_published_one(tmp_path: Path) -> None:
    done = locust("--headless", "--run-dir", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    run = read_run(tmp_path / "run")
    assert (run.name, run.scenario.agents, run.questions.height) == ("published", 32, 100)
    assert run.info.connections.opened == 100


def test_agents_that_do_not_start_give_exit_code_3(make_scenario: MakeScenario, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        scenario = make_scenario(agents=1, workers={"first_port": taken.getsockname()[1]})
        done = locust("--scenario", scenario, "--run-dir", tmp_path / "run", "--headless")
    assert done.returncode == 3
    assert "can't listen on" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def in_background() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Locust in the background; kills it at the end."""
    processes = []

    def begin(*args: object, **kwargs: Any) -> subprocess.Popen[str]:
        command = [*LOCUST, "-f", str(ROOT / "locustfiles" / "coordinator.py"), *map(str, args)]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=environment_with(), **kwargs,
        )  # fmt: skip
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


LEAVING = """
from locust import task
from locust.exception import StopUser
from fanout.locust_plugin.user import CoordinatorUser

class Leaving(CoordinatorUser):
    def on_start(self):
        super().on_start()
        if self.client.number == 2:
            raise ValueError("an error in the locustfile")

    @task
    def leave(self):
        if self.client.number == 1:
            self.client.round()
        raise StopUser
"""


def test_a_run_ends_although_users_leave_early(make_scenario: MakeScenario, tmp_path: Path) -> None:
    (tmp_path / "leaving.py").write_text(LEAVING)
    done = locust(
        "-f", tmp_path / "leaving.py", "--scenario", make_scenario(), "--run-dir", tmp_path / "run",
        "--headless", "-u", 3, "-r", 3,
    )  # fmt: skip
    assert done.returncode == 1  # the error in the locustfile
    run = read_run(tmp_path / "run")
    assert run.info.to_json()["ended_by"] == "rounds_done"
    assert run.info.to_json()["questions"]["ok"] == 12


def test_the_web_ui_listens_on_loopback_and_runs_several_tests(
    in_background: Callable[..., subprocess.Popen[str]], make_scenario: MakeScenario, tmp_path: Path
) -> None:
    port = free_port()
    process = in_background("--scenario", make_scenario(), "--web-port", port, cwd=tmp_path)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as ui:
        wait_for_ui(ui)
        listening = [c.laddr for c in psutil.Process(process.pid).net_connections() if c.status == "LISTEN"]
        assert {address.ip for address in listening} == {"127.0.0.1"}
        for run_count in (1, 2):
            assert ui.post("/swarm", data={"user_count": 1, "spawn_rate": 1}).json()["success"]
            run = wait_for_rounds(tmp_path / "results", run_count)
            (row, _) = ui.get("/stats/requests").json()["stats"]
            assert (row["method"], row["name"], row["num_failures"]) == ("a2a", "small", 0)
            assert ui.post("/stop").json()["success"]
            assert read_run(run).info.to_json()["questions"]["failed"] == 0
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_a_run_that_follows_a_shape(
    in_background: Callable[..., subprocess.Popen[str]], make_scenario: MakeScenario, tmp_path: Path, number: int
) -> None:
    scenario = make_scenario(shape={"kind": "steps", "users": [1, 2], "each_s": 30})
    process = in_background("--headless", "--scenario", scenario, cwd=tmp_path)
    directory = wait_for_rounds(tmp_path / "results", 1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130 and "Traceback" not in errors
    assert read_run(directory).info.ended_by == "interrupted"


def test_the_web_ui_follows_the_shape_of_the_scenario_that_is_chosen(
    in_background: Callable[..., subprocess.Popen[str]], make_scenario: MakeScenario, tmp_path: Path
) -> None:
    shaped = make_scenario("shaped.yaml", shape={"kind": "steps", "users": [2, 1], "each_s": 2})
    port = free_port()
    plain = make_scenario()
    process = in_background("--scenario", plain, "--web-port", port, cwd=tmp_path)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as ui:
        wait_for_ui(ui)
        form = {"user_count": 1, "spawn_rate": 1}
        for number, scenario in enumerate((shaped, tmp_path / "none.yaml", shaped), 1):
            answer = ui.post("/swarm", data={**form, "scenario": str(scenario)}).json()
            assert answer["success"] == (scenario == shaped)
            if scenario == shaped:
                time.sleep(1.5)
                assert not ui.post("/swarm", data={**form, "scenario": str(plain)}).json()["success"]
                wait_for_stop(ui, tmp_path / "results")
            assert len(list((tmp_path / "results").iterdir())) == (number + 1) // 2  # one could not begin
        for directory in (tmp_path / "results").iterdir():
            info = read_run(directory).info
            assert (len(info.coordinators), info.questions.failed, info.problems) == (2, 0, ())
        assert ui.post("/swarm", data={**form, "scenario": str(plain)}).json()["success"]
        run = wait_for_rounds(tmp_path / "results", 3)
        assert ui.post("/stop").json()["success"]
        assert len(read_run(run).info.coordinators) == 1
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode in (0, 130) and "Traceback" not in errors


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_for_stop(ui: httpx.Client, results: Path) -> None:
    """Waits until the test that was started has ended, and its directory, if it has one, is complete."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if ui.get("/stats/requests").json()["state"] == "stopped":
            infos = [json.loads(file.read_text()) for file in results.glob("*/run.json")]
            if all(info["ended"] for info in infos):
                return
    raise AssertionError("the test did not end")


def wait_for_ui(ui: httpx.Client) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            ui.get("/")
        except httpx.ConnectError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the web UI did not come up")


def wait_for_rounds(results: Path, run_count: int) -> Path:
    """The newest of `run_count` run directories, once it has two rounds."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        runs = sorted(results.iterdir()) if results.exists() else []
        if (
            len(runs) == run_count
            and (runs[-1] / "questions.csv").exists()
            and len(rows_of(runs[-1] / "questions.csv")) > 24
        ):
            return runs[-1]
        time.sleep(0.1)
    raise AssertionError(f"{results}: no run {run_count} with two rounds")


def test_histogram_buckets_are_fine_enough_for_adapter_latency() -> None:
    check = (
        "from fanout.locust_plugin.listeners import bucket_ms\n"
        "for ms in 0.04, 1.234, 99.96, 123.4, 1037.4, 68504: print(bucket_ms(ms))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, timeout=30, check=True, env=environment_with()
    )
    assert done.stdout.split() == ["0.0", "1.2", "100.0", "123.0", "1040.0", "68500.0"]


def test_what_locust_s_tables_can_t_show_is_printed_once_below_them(
    make_scenario: MakeScenario, tmp_path: Path
) -> None:
    scenario = make_scenario(
        agents=32, questions=64, workers={"service_time": {"distribution": "constant", "value_s": 0.1}}
    )
    _, done = run_headless(scenario, tmp_path / "run")
    above, _, below = done.stderr.rpartition("Response time percentiles")
    assert below.count("tls_handshaking") == below.count(str(tmp_path / "run")) == 1
    advice = [line for line in below.splitlines() if line.startswith("advice: ")]
    assert advice and len(set(advice)) == len(advice) and "advice: " not in above


def test_gates_decide_the_exit_code(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(gates=["failed == 0", "connections.opened <= agents"])
    done = locust(
        "--scenario",
        scenario,
        "--run-dir",
        tmp_path / "first",
        "--headless",
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
    )
    assert done.returncode == 0, done.stderr
    (row,) = (line.split() for line in done.stderr.splitlines() if line.lstrip().startswith("connections.opened"))
    assert row[:6] == ["connections.opened", "<=", "agents", "small", "passed", "4"]
    assert (tmp_path / "summary.md").read_text().startswith("**all 2 gates passed**")
    more = ["--gate", "phase.resolving.max < 0 ms", "--gate", "adapter.mean < 9 * baseline"]
    more += ["--baseline", str(tmp_path / "first"), "--junit", str(tmp_path / "gates.xml")]
    done = locust("--scenario", scenario, "--run-dir", tmp_path / "second", "--headless", *more)
    assert done.returncode == 1
    results = [line for line in done.stderr.splitlines() if line.lstrip().startswith(("phase.", "adapter."))]
    assert ["failed" in results[0], "undecided" in results[1]] == [True, True]
    cases = {case.get("name"): case for case in ElementTree.parse(tmp_path / "gates.xml").iter("testcase")}
    assert [case[0].tag for case in cases.values()] == [*["system-out"] * 3, "failure", "system-out"]
    strict = locust("--scenario", scenario, "--run-dir", tmp_path / "third", "--headless", "--strict-gates", *more)
    assert strict.returncode == 1
    cases = {case.get("name"): case for case in ElementTree.parse(tmp_path / "gates.xml").iter("testcase")}
    assert [case[0].tag for case in cases.values()] == [*["system-out"] * 3, "failure", "error"]  # of single runs
    assert "allowed: < 0 ms" in str(cases["phase.resolving.max < 0 ms"][0].get("message"))


def test_a_gate_replaces_the_implied_one(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(client={"timeout_s": 0.001}, gates=["failed <= 12"])
    run, _ = run_headless(scenario, tmp_path / "run")
    assert run.info.to_json()["questions"]["failed"] == 12


def test_a_report_that_cannot_be_written_gives_exit_code_3(make_scenario: MakeScenario, tmp_path: Path) -> None:
    junit = tmp_path / "small.yaml" / "gates.xml"
    done = locust("--scenario", make_scenario(), "--run-dir", tmp_path / "run", "--headless", "--junit", junit)
    assert done.returncode == 3
    assert "can't write" in done.stderr and "Traceback" not in done.stderr
