"""Runs that are started and stopped through the web UI's forms, in a Locust of its own."""

from __future__ import annotations

import functools
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from fanout.runs.info import read_run_info
from fanout.runs.reader import read_run
from fanout.soak._web_locust import WebLocust
from helpers.paths import ROOT
from helpers.processes import still_running, wait_until
from helpers.scenarios import scenario_of

pytestmark = pytest.mark.process

SLOW = {"service_time": {"distribution": "constant", "value_s": 1.0}}


class Ui:
    """The web UI of a Locust whose runs go into a folder."""

    def __init__(self, client: httpx.Client, results: Path, pid: int) -> None:
        self.client = client
        self.results = results
        self.pid = pid

    def swarm(self, file: Path, *settings: str, **form: object) -> Any:
        sent = {"scenario": str(file), "user_count": 1, "spawn_rate": 1, "until": "round", "setting": settings, **form}
        answer = self.client.post("/swarm", data=sent)
        assert answer.status_code == 200
        return answer.json()

    def live(self) -> Any:
        return self.client.get("/fanout/live.json").json()

    def wait_for(self, *states: str) -> Any:
        wait_until(lambda: self.live()["state"] in states)
        return self.live()

    @property
    def runs(self) -> list[Path]:
        return sorted(found for found in self.results.iterdir() if (found / "run.json").exists())


def shows_only(ui: Ui, name: str, questions: int) -> bool:
    """Whether Locust's statistics are those of one run."""
    stats = ui.client.get("/stats/requests").json()["stats"]
    return [(row["name"], row["num_requests"]) for row in stats] == [(name, questions), ("Aggregated", questions)]


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[Ui]:
    results = tmp_path / "results"
    results.mkdir()
    (tmp_path / "quick.yaml").write_text(scenario_of(name="quick").to_yaml())
    locust = WebLocust(tmp_path / "quick.yaml", ROOT / "locustfiles" / "coordinator.py", results)
    with locust, httpx.Client(base_url=locust.url, trust_env=False, timeout=60) as client:
        yield Ui(client, results, locust.pid)


def test_ten_runs_of_two_scenarios_are_kept_apart(ui: Ui, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(scenario_of(name="other", questions=8).to_yaml())
    for number in range(10):
        file, name, until = ((tmp_path / "quick.yaml", "quick", "round"), (other, "other", "stop"))[number % 2]
        against = {"against": ui.runs[-1].name} if number else {}
        answer = ui.swarm(file, "agents=3", f"client.limits.max_connections={number + 20}", until=until, **against)
        assert answer["success"], answer
        if until == "stop":
            wait_until(lambda: (ui.live().get("totals") or {}).get("ok", 0) > 8)
            assert ui.client.post("/stop").json()["success"]
        live = ui.wait_for("ended")
        assert live["message"] is None and live["run"]["name"] == name
        assert live["run"]["changes"] == {"agents": "3", "client.limits.max_connections": str(number + 20)}
        assert (live["run"]["against"] or {}).get("id") == (ui.runs[-2].name if number else None)
        assert live["totals"]["ok"] == read_run_info(ui.runs[-1]).questions.ok
        wait_until(functools.partial(shows_only, ui, name, live["totals"]["ok"]))  # Locust keeps its answer for 2 s
    children = [" ".join(child.cmdline()) for child in psutil.Process(ui.pid).children(recursive=True)]
    assert len(children) <= 1 and all("analysis_process" in child for child in children)
    assert len(ui.runs) == 10
    for number, directory in enumerate(ui.runs):
        run = read_run(directory)
        assert run.scenario.client.limits.max_connections == number + 20
        assert run.info.ended_by == ("rounds_done", "stopped")[number % 2]
        assert (run.info.problems, len(run.info.agents)) == ((), 3)
        assert run.info.questions.ok == run.info.questions.dispatched == run.info.connections.served


def test_a_mistake_is_answered_in_words_and_starts_nothing(ui: Ui, tmp_path: Path) -> None:
    file = tmp_path / "quick.yaml"
    broken = tmp_path / "broken.yaml"
    broken.write_text("protocol: a2a\nagents: [1\n")
    answers = [
        ui.swarm(file, "client.limits.max_connections=0"),
        ui.swarm(file, "agents=5000"),
        ui.swarm(file, "allow_remote=true"),
        ui.swarm(broken),
        ui.swarm(tmp_path / "absent.yaml"),
        ui.swarm(tmp_path),
        ui.swarm(file, until="tomorrow"),
        ui.swarm(file, until="time"),
        ui.swarm(file, until="time", run_time="soon"),
        ui.swarm(file, until="time", run_time="0s"),
        ui.swarm(file, user_count=0),
        ui.swarm(file, user_count="many"),
        ui.swarm(file, spawn_rate=-1),
        ui.swarm(file, spawn_rate="inf"),
        ui.swarm(file, against="../elsewhere"),
        ui.client.post("/swarm", data={"user_count": 1, "spawn_rate": 1, "scenario": str(broken)}).json(),
    ]
    for answer in answers:
        assert not answer["success"] and answer["message"] and "Traceback" not in answer["message"]
    assert [each["key"] for each in answers[0]["problems"]] == ["client.limits.max_connections"]
    assert [each["key"] for each in answers[1]["problems"]] == ["agents"]
    keys = ["until", "run_time", "run_time", "run_time", "user_count", "user_count", "spawn_rate", "spawn_rate"]
    assert [each["key"] for answer in answers[6:14] for each in answer["problems"]] == keys
    assert ui.live()["state"] == "idle" and not ui.runs
    # None of them has left the start reserved, or its plan.
    assert ui.client.post("/swarm", data={"user_count": 1, "spawn_rate": 1, "run_time": "2s"}).json()["success"]
    live = ui.wait_for("ended")
    assert live["run"]["name"] == "quick" and live["totals"]["ok"] >= 12 and live["run"]["until"] == "after 2 s"


def test_of_two_starts_at_the_same_time_one_is_refused(ui: Ui, tmp_path: Path) -> None:
    slow = tmp_path / "slow.yaml"
    slow.write_text(scenario_of(name="slow", workers=SLOW).to_yaml())
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: ui.swarm(slow, until="stop"), range(4)))
    assert sorted(answer["success"] for answer in answers) == [False, False, False, True]
    ui.wait_for("running")
    assert not ui.swarm(slow)["success"]
    assert not ui.client.post("/swarm", data={"user_count": 1, "spawn_rate": 1, "scenario": "else.yaml"}).json()[
        "success"
    ]
    assert ui.client.post("/swarm", data={"user_count": 2, "spawn_rate": 2}).json()["success"]  # Locust's own edit form
    wait_until(lambda: ui.live()["run"]["users"] == 2)
    assert ui.client.post("/stop").json()["success"]
    assert ui.wait_for("ended")["message"] is None
    (directory,) = ui.runs
    assert len(read_run(directory).info.coordinators) == 2


def test_a_run_of_a_time_ends_by_itself_and_a_shape_decides_for_itself(ui: Ui, tmp_path: Path) -> None:
    shaped = tmp_path / "shaped.yaml"
    shaped.write_text(scenario_of(name="shaped", shape={"kind": "steps", "users": [1, 2], "each_s": 4}).to_yaml())
    for settings in ((), ("agents=300",)):  # the time is that of the run, and not that of its start
        assert ui.swarm(tmp_path / "quick.yaml", *settings, until="time", run_time="3s")["success"]
        live = ui.wait_for("ended")
        assert live["totals"]["ok"] > 12 and live["totals"]["planned"] is None
        assert 2.5 < live["run"]["elapsed_s"] < 10 and live["run"]["until"] == "after 3 s"
    assert ui.swarm(shaped, until="time", run_time="1s")["success"]
    live = ui.wait_for("ended")
    assert live["run"]["users"] == 2 and live["run"]["elapsed_s"] > 7
    assert [read_run_info(directory).ended_by for directory in ui.runs] == ["stopped"] * 3


@pytest.mark.parametrize("has_shape", [False, True])
def test_a_start_can_be_stopped_and_the_next_run_starts(ui: Ui, tmp_path: Path, has_shape: bool) -> None:
    file = tmp_path / "quick.yaml"
    if has_shape:
        file.write_text(scenario_of(name="quick", shape={"kind": "steps", "users": [1], "each_s": 3}).to_yaml())
    for _ in range(2):  # Locust treats the first start of all in another way
        assert ui.swarm(file, "agents=600")["success"]
        wait_until(lambda: ui.live()["state"] == "starting")
        assert ui.client.post("/stop").json()["success"]
        live = ui.wait_for("ended")
        assert "stopped" in live["message"] and live["run"] is None
        assert ui.swarm(file)["success"]
        live = ui.wait_for("ended")
        assert live["message"] is None and live["totals"]["ok"] >= 12
    ended_by = [read_run_info(directory).ended_by for directory in ui.runs]
    assert ended_by == ["not_started", "stopped" if has_shape else "rounds_done"] * 2


def test_a_run_that_can_not_start_says_why_and_the_next_one_starts(ui: Ui, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for _ in range(2):  # Locust treats the first start of all in another way
            assert ui.swarm(tmp_path / "quick.yaml", f"workers.first_port={port}", "agents=1")["success"]
            live = ui.wait_for("ended")
            assert str(port) in live["message"] and live["run"] is None
            assert ui.swarm(tmp_path / "quick.yaml")["success"]
            live = ui.wait_for("ended")
            assert live["message"] is None and live["totals"]["ok"] == 12


def test_the_analyst_reads_the_runs_and_ends_with_locust(tmp_path: Path) -> None:
    (tmp_path / "quick.yaml").write_text(scenario_of(name="quick").to_yaml())
    results = tmp_path / "results"
    results.mkdir()
    locust = WebLocust(tmp_path / "quick.yaml", ROOT / "locustfiles" / "coordinator.py", results)
    with locust, httpx.Client(base_url=locust.url, trust_env=False, timeout=60) as client:
        ui = Ui(client, results, locust.pid)
        for settings in ((), ("client.topology=per_agent",)):
            assert ui.swarm(tmp_path / "quick.yaml", *settings)["success"]
            ui.wait_for("ended")
        wait_until(lambda: ui.live()["result"])
        assert ui.live()["result"]["verdict"] == "passed"
        rows = client.get("/fanout/runs.json").json()["runs"]
        assert [row["verdict"] for row in rows] == ["passed", "passed"]
        query = {"run": [row["id"] for row in reversed(rows)]}
        compared = client.get("/fanout/compare.json", params=query).json()
        assert [each["key"] for each in compared["differing"]] == ["client.topology"]
        assert "</html>" in client.get("/fanout/report", params=query).text
        analysts = [
            each for each in psutil.Process(locust.pid).children() if "analysis_process" in " ".join(each.cmdline())
        ]
        assert len(analysts) == 1 and analysts[0].nice() > 0
    assert not still_running(analysts)
