"""fanout.commands: scripts/bench and scripts/compare, as a user types them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, MakeScenario, outcomes_of, still_running
from test_results import written
from test_sources import A2A, GET, HEADER, TOTAL, stats

from fanout.run import read_run


def command(name: str, *args: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"fanout.commands.{name}", *map(str, args)],
        capture_output=True, text=True, timeout=90, check=False, cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_bench_runs_scenarios_and_compares_them(make_scenario: MakeScenario, tmp_path: Path) -> None:
    workers = {"service_time": {"distribution": "constant", "value_s": 0.1}}
    tuned = {"limits": {"max_connections": 1000, "max_keepalive_connections": 200}}
    scenarios = [
        make_scenario("default.yaml", agents=32, questions=64, workers=workers),
        make_scenario("tuned.yaml", agents=32, questions=64, workers=workers, client=tuned),
    ]
    done = command("bench", *scenarios, "--results", tmp_path / "results", "--scale", 2, "--format", "json")
    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)
    default, tuned_row = table["rows"]
    assert (default["scenario"], default["questions"], default["failed"]) == ("default", 64, 0)
    assert (default["mean_ratio"], default["baseline"], tuned_row["baseline"]) == (1.0, "default", "default")
    assert default["connections_opened"] >= 60
    assert tuned_row["connections_opened"] == 32
    assert sum(value for key, value in default.items() if key.endswith("_mean_ms") and key != "adapter_mean_ms") == (
        pytest.approx(default["adapter_mean_ms"], rel=0.01)
    )
    assert any("max_keepalive_connections=20 is below 32 agents" in advice for advice in table["advice"])
    assert "service times at 2 of their real length" in done.stderr
    (series,) = (tmp_path / "results").iterdir()
    runs = [read_run(path) for path in sorted(series.iterdir())]
    assert [run.scenario.workers.service_time.scale for run in runs] == [2.0, 2.0]
    assert all(outcome.service_ms and outcome.service_ms >= 200 for run in runs for outcome in outcomes_of(run))

    again = command("compare", series, "--format", "json")
    assert json.loads(again.stdout)["rows"] == table["rows"]
    assert f"scripts/compare {series}" in done.stderr


def test_bench_tells_of_failures_by_its_exit_code(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(client={"timeout_s": 0.001})
    done = command("bench", scenario, "--results", tmp_path / "results", "--format", "json")
    assert done.returncode == 1
    table = json.loads(done.stdout)
    assert (table["rows"][0]["questions"], table["rows"][0]["failed"]) == (12, 12)
    assert any(" of 12 questions failed by " in note and "such as agent" in note for note in table["notes"])
    assert any(note.startswith("small: no question was answered") for note in table["notes"])


def test_bench_says_where_to_look_when_a_run_cannot_start(make_scenario: MakeScenario, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        scenario = make_scenario(agents=1, workers={"first_port": taken.getsockname()[1]})
        done = command("bench", scenario, "--results", tmp_path / "results")
    assert done.returncode == 3
    assert "Locust ended with 3; see" in done.stderr
    assert "locust.log" in done.stderr
    assert "Traceback" not in done.stderr
    done = command("bench", scenario, "--results", scenario)
    assert done.returncode == 3
    assert "error: can't make a run directory in" in done.stderr


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("nowhere.yaml",), "nowhere.yaml: can't be read"),
        (("--scale", "-1"), "Invalid value for '--scale'"),
        (("--format", "xml"), "Invalid value for '--format'"),
        (("--headline", "--handshake"), "--headline, --handshake and scenarios each name what is run"),
        (("--headline", "x.yaml"), "--headline, --handshake and scenarios each name what is run"),
    ],
)
def test_bench_refuses_wrong_usage(args: tuple[str, ...], expected: str) -> None:
    done = command("bench", *args)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_bench_does_not_scale_what_is_not_its_own(make_scenario: MakeScenario, four_agents: tuple[str, ...]) -> None:
    done = command("bench", make_scenario(agents=list(four_agents), workers=None), "--scale", 2)
    assert done.returncode == 2
    assert "--scale has no effect on agents that run already" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_interrupted_bench_leaves_nothing_behind(
    make_scenario: MakeScenario, tmp_path: Path, how: signal.Signals
) -> None:
    slow = {"service_time": {"distribution": "constant", "value_s": 30.0}}
    process = subprocess.Popen(
        [sys.executable, "-m", "fanout.commands.bench", str(make_scenario(workers=slow, client={"timeout_s": 60})),
         "--results", str(tmp_path / "results")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    deadline = time.monotonic() + 20
    family: list[psutil.Process] = []
    while len(family) < 7 and time.monotonic() < deadline:  # Locust, the fleet, four agents, the coordinator
        family = psutil.Process(process.pid).children(recursive=True)
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(how)
    _, errors = process.communicate(timeout=20)
    if how in (signal.SIGINT, signal.SIGTERM):
        assert process.returncode == 130
        assert errors.strip().endswith("interrupted")
    assert len(family) == 7
    assert not still_running(family, 5)
    (directory,) = (tmp_path / "results").glob("*/*")
    assert json.loads((directory / "run.json").read_text())["ended_by"] == "interrupted"


def test_compare_s_first_run_is_the_baseline_unless_another_is_named(tmp_path: Path) -> None:
    one, two = written(tmp_path / "one", name="one"), written(tmp_path / "two", name="two")
    rows = json.loads(command("compare", one, two, "--format", "json").stdout)["rows"]
    assert [row["baseline"] for row in rows] == ["one", "one"]
    rows = json.loads(command("compare", one, two, "--baseline", two, "--format", "json").stdout)["rows"]
    assert [(row["scenario"], row["baseline"]) for row in rows] == [("one", "two"), ("two", "two")]
    rows = json.loads(command("compare", one, "--baseline", two, "--format", "json").stdout)["rows"]
    assert [(row["scenario"], row["baseline"]) for row in rows] == [("two", "two"), ("one", "two")]


def test_compare_takes_locust_s_own_files(tmp_path: Path) -> None:
    before = stats(tmp_path / "before_stats.csv", HEADER, A2A, GET, TOTAL)
    after = stats(tmp_path / "after_stats.csv", HEADER, A2A.replace("14.5", "29.0"), TOTAL)
    rows = json.loads(command("compare", before, after, "--format", "json").stdout)["rows"]
    assert [(row["scenario"], row["mean_ratio"]) for row in rows] == [
        ("a2a-tuned (before_stats.csv)", 1.0),
        ("/x", 1.0),
        ("a2a-tuned (after_stats.csv)", 2.0),
    ]
    assert rows[2]["connections_opened"] is None


def test_compare_of_something_else_is_an_error_not_a_row(tmp_path: Path) -> None:
    good = written(tmp_path / "good")
    nothing_in = tmp_path / "folder"
    nothing_in.mkdir()
    for path in (tmp_path / "nothing", stats(tmp_path / "empty_stats.csv", HEADER), nothing_in):
        done = command("compare", good, path)
        assert done.returncode == 3
        assert done.stdout == ""
        assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1
    assert "Traceback" in command("compare", nothing_in, "--debug").stderr
    assert command("compare").returncode == 2
