"""fanout.cli: scripts/bench and scripts/compare, as a user types them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil
import pytest

from fanout.analysis.run_summary import UNANSWERED
from fanout.runs.reader import read_run
from helpers.locust_stats import A2A, GET, HEADER, HISTORY, TOTAL, stats
from helpers.paths import ROOT
from helpers.processes import command, still_running
from helpers.runs import OUTCOMES, outcomes_of, written
from helpers.scenarios import MakeScenario
from helpers.texts import numbers

pytestmark = pytest.mark.process


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
    assert any("max_keepalive_connections=20" in said["text"] for said in table["advice"])
    assert numbers(done.stderr.splitlines()[0])[:2] == [2, 2]  # runs and scale
    (series,) = (tmp_path / "results").iterdir()
    runs = [read_run(path) for path in sorted(series.iterdir())]
    assert [run.scenario.workers.service_time.scale for run in runs] == [2.0, 2.0]
    assert all(outcome.service_ms and outcome.service_ms >= 200 for run in runs for outcome in outcomes_of(run))

    again = command("compare", series, "--format", "json")
    assert json.loads(again.stdout)["rows"] == table["rows"]
    assert f"scripts/compare {series}" in done.stderr


def test_failed_questions_give_bench_exit_code_1(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(client={"timeout_s": 0.001})
    done = command("bench", scenario, "--results", tmp_path / "results", "--format", "json")
    assert done.returncode == 1
    table = json.loads(done.stdout)
    assert (table["rows"][0]["questions"], table["rows"][0]["failed"]) == (12, 12)
    assert sum(found[0] for found in map(numbers, table["notes"]) if found[1:2] == [12]) == 12
    assert f"small: {UNANSWERED}" in table["notes"]


def test_bench_names_the_log_of_a_run_that_cannot_start(make_scenario: MakeScenario, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        scenario = make_scenario(agents=1, workers={"first_port": taken.getsockname()[1]})
        done = command("bench", scenario, "--results", tmp_path / "results")
    assert done.returncode == 3
    assert "Locust ended with exit code 3" in done.stderr
    assert "locust.log" in done.stderr
    assert "Traceback" not in done.stderr
    done = command("bench", scenario, "--results", scenario)
    assert done.returncode == 3
    assert "error: can't create a run directory in" in done.stderr


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("nowhere.yaml",), "nowhere.yaml: can't be read"),
        (("--scale", "-1"), "Invalid value for '--scale'"),
        (("--format", "xml"), "Invalid value for '--format'"),
        (("--headline", "--handshake"), "--headline, --handshake and SCENARIOS exclude each other"),
        (("--headline", "x.yaml"), "--headline, --handshake and SCENARIOS exclude each other"),
    ],
)
def test_bench_refuses_wrong_usage(args: tuple[str, ...], expected: str) -> None:
    done = command("bench", *args)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_bench_cannot_scale_agents_that_run_already(make_scenario: MakeScenario, four_agents: tuple[str, ...]) -> None:
    done = command("bench", make_scenario(agents=list(four_agents), workers=None), "--scale", 2)
    assert done.returncode == 2
    assert "--scale" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_interrupted_bench_leaves_nothing_behind(
    make_scenario: MakeScenario, tmp_path: Path, how: signal.Signals
) -> None:
    slow = {"service_time": {"distribution": "constant", "value_s": 30.0}}
    command_line = [sys.executable, "-m", "fanout.cli", "bench", make_scenario(workers=slow, client={"timeout_s": 60})]
    process = subprocess.Popen(
        [*map(str, command_line), "--results", str(tmp_path / "results")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        family: list[psutil.Process] = []
        while len(family) < 7 and time.monotonic() < deadline:  # Locust, the fleet, four agents, the coordinator
            family = psutil.Process(process.pid).children(recursive=True)
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(how)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    if how in (signal.SIGINT, signal.SIGTERM):
        assert process.returncode == 130
        assert errors.strip().endswith("interrupted")
    assert len(family) == 7
    assert not still_running(family, 5)
    (directory,) = (tmp_path / "results").glob("*/*")
    assert json.loads((directory / "run.json").read_text())["ended_by"] == "interrupted"


def test_the_first_run_is_the_baseline_unless_another_is_named(tmp_path: Path) -> None:
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


def test_compare_takes_groups_of_reports_as_repeats(tmp_path: Path) -> None:
    means = {"old": ("10.0", "11.0", "10.5"), "new": ("20.0", "21.5", "22.0")}
    for label, values in means.items():
        for number, mean in enumerate(values):
            stats(tmp_path / label / f"{number}_stats.csv", HEADER, A2A.replace("14.5", mean).replace(",3,", ",0,", 1))
    stats(tmp_path / "old" / "0_stats_history.csv", HISTORY)
    groups = [f"{label}={tmp_path / label}" for label in means]
    page = tmp_path / "report.html"
    done = command("compare", *groups, "--format", "json", "--gate", "adapter.p99 < 1 s", "--report", page)
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert [(row["scenario"], row["runs"], row["verdict"]) for row in report["rows"]] == [
        ("old", 3, None), ("new", 3, "slower")
    ]  # fmt: skip
    assert report["rows"][1]["mean_ratio_low"] < 2 < report["rows"][1]["mean_ratio_high"]
    assert [gate["result"] for gate in report["gates"]] == ["passed", "passed"]
    assert page.read_text().count("<svg") == 1 and "0_stats_history.csv" in page.read_text()
    other = command("compare", *groups, "--baseline", "new", "--format", "json")
    assert [row["baseline"] for row in json.loads(other.stdout)["rows"]] == ["new", "new"]
    several = command("compare", tmp_path / "old" / "0", "--baseline", tmp_path / "new")
    assert (several.returncode, len(several.stderr.splitlines())) == (2, 1)
    prefix = command("compare", tmp_path / "old" / "0", "--baseline", tmp_path / "new" / "1", "--format", "json")
    assert [row["questions"] for row in json.loads(prefix.stdout)["rows"]] == [100, 100]


def test_a_damaged_history_is_a_note(tmp_path: Path) -> None:
    stats(tmp_path / "x_stats.csv", HEADER, A2A)
    stats(tmp_path / "x_stats_history.csv", "nothing")
    done = command("compare", tmp_path / "x", "--report", tmp_path / "report.html")
    assert done.returncode == 0
    assert "x_stats_history.csv: not a history of Locust" in done.stdout
    assert "<svg" not in (tmp_path / "report.html").read_text()


def test_compare_with_something_else_is_an_error(tmp_path: Path) -> None:
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


def job_summary(tmp_path: Path) -> dict[str, str]:
    return {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}


def test_repeats_are_compared_and_judged(make_scenario: MakeScenario, tmp_path: Path) -> None:
    """The slower one blocks its two threads, so every name lookup waits for hundreds of ms, far more than the noise."""
    keys: dict[str, Any] = {
        "agents": 8,
        "questions": 24,
        "client": {"limits": {"max_connections": 100, "max_keepalive_connections": 0}},
        "workers": {"service_time": {"distribution": "exponential", "mean_s": 0.2}},
    }
    blocked = {"executor": {"threads": 2, "blocking_calls": "per_question"}}
    scenarios = [make_scenario("plain.yaml", **keys), make_scenario("slower.yaml", **keys, coordinator=blocked)]
    gates = ["--gate", "phase.resolving.mean < 5 ms", "--gate", "adapter.mean < 3 * baseline"]
    done = command(
        "bench", *scenarios, "--repeat", 3, "--results", tmp_path / "results", "--format", "json",
        "--junit", tmp_path / "gates.xml", *gates,
        env={"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr  # a gate failed
    table = json.loads(done.stdout)
    plain, slower = table["rows"]
    assert [(row["runs"], row["questions"]) for row in table["rows"]] == [(3, 72), (3, 72)]
    assert (plain["verdict"], slower["verdict"]) == (None, "slower")
    assert 3 < slower["mean_ratio_low"] < slower["mean_ratio"] < slower["mean_ratio_high"]
    results = {(gate["scenario"], gate["gate"]): gate["result"] for gate in table["gates"]}
    assert results["slower", "adapter.mean < 3 * baseline"] == "failed"
    assert results["slower", "phase.resolving.mean < 5 ms"] == "failed"
    assert results["slower", "failed == 0"] == "passed"
    assert ("plain", "adapter.mean < 3 * baseline") not in results  # it is the baseline
    made = [read_run(path) for path in (tmp_path / "results").glob("*-bench/*")]
    in_order = [run.directory.name for run in sorted(made, key=lambda run: run.info.started or 0)]
    assert in_order == [f"0{n}-{name}-{k}" for k in (1, 2, 3) for n, name in enumerate(("plain", "slower"), 1)]
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("**") and summary.count("| gate |") == 1  # the Locust of each run adds nothing
    assert "phase.resolving.mean &lt; 5 ms: " in (tmp_path / "gates.xml").read_text()

    (series,) = (tmp_path / "results").iterdir()
    again = command("compare", series, "--format", "json", "--save-baseline", "main", "--results", tmp_path / "results")
    assert json.loads(again.stdout)["rows"] == table["rows"]
    stored = command("compare", series, "--baseline", "main", "--format", "json", "--results", tmp_path / "results")
    ratios = [row["mean_ratio"] for row in json.loads(stored.stdout)["rows"]]
    assert ratios == pytest.approx([1.0] * 4)  # each compared with its own copy


def test_compare_judges_stored_runs(tmp_path: Path) -> None:
    one = written(tmp_path / "one", name="one", gates=["round_trip.max < 1 s"])
    two = written(tmp_path / "two", name="two", gates=["adapter.mean < 5 ms"])
    done = command("compare", one, "--junit", tmp_path / "gates.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert numbers(done.stdout.splitlines()[-1]) == [1]
    done = command("compare", one, two, "--gate", "failed == 0", "--junit", tmp_path / "gates.xml")
    assert done.returncode == 1
    assert numbers(done.stdout.splitlines()[-1]) == [3, 4]
    cases = {case.get("name"): case for case in ElementTree.parse(tmp_path / "gates.xml").iter("testcase")}
    assert cases["adapter.mean < 5 ms"][0].get("message") == "adapter.mean < 5 ms: 5.00 ms; allowed: < 5 ms"
    assert command("compare", one, two).returncode == 1
    assert command("compare", written(tmp_path / "three"), "--junit", tmp_path / "gates.xml").returncode == 2


def test_compare_against_a_stored_baseline(tmp_path: Path) -> None:
    results = ("--results", tmp_path / "results")
    one, two = written(tmp_path / "one", name="one"), written(tmp_path / "two", name="two")
    saved = command("compare", one, *results, "--save-baseline", "main")
    assert saved.returncode == 0 and "--baseline main" in saved.stderr
    done = command("compare", two, *results, "--baseline", "main", "--gate", "failed == 0", "--format", "json")
    table = json.loads(done.stdout)
    assert [(row["scenario"], row["baseline"]) for row in table["rows"]] == [("one", "one"), ("two", "one")]
    assert [gate["scenario"] for gate in table["gates"]] == ["two"]  # the baseline itself is not judged
    missing = command("compare", two, *results, "--baseline", "nightly")
    assert missing.returncode == 3
    assert "'nightly'" in missing.stderr and ": main" in missing.stderr


@pytest.mark.parametrize("gate", ["speed < 5", "adapter.p95 < 50"])
def test_a_wrong_gate_is_wrong_usage(tmp_path: Path, gate: str) -> None:
    for name, argument in (("compare", written(tmp_path / "one")), ("bench", "x.yaml")):
        done = command(name, argument, "--gate", gate)
        assert done.returncode == 2
        assert "allowed: " in done.stderr and "Traceback" not in done.stderr
        (tmp_path / "one" / "run.json").unlink(missing_ok=True)


def test_a_run_that_is_its_own_baseline_is_still_judged(tmp_path: Path) -> None:
    run = written(tmp_path / "run")
    done = command("compare", run, "--baseline", run, "--gate", "failed == 999")
    assert (done.returncode, numbers(done.stdout.splitlines()[-1])) == (1, [1])
    done = command("compare", run, "--gate", "failed == 999", "--save-baseline", "main", "--results", tmp_path)
    assert done.returncode == 1
    assert "not saved as main" in done.stderr
    assert not (tmp_path / "baselines").exists()


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("bench", ("--gate", "adapter.mean < 1.2 * baseline"), "there is no baseline"),
        ("bench", ("--save-baseline", "../x"), "'../x' is not a valid name; allowed: 1 to 80 letters"),
        ("sweep", ("--set", "agents=1,2", "--gate", "failed <= baseline"), "there is no baseline"),
    ],
)
def test_options_that_must_fail_are_refused_before_the_runs(
    make_scenario: MakeScenario, tmp_path: Path, name: str, args: tuple[str, ...], expected: str
) -> None:
    done = command(name, make_scenario(), *args, "--results", tmp_path / "results")
    assert done.returncode == 2
    assert expected in done.stderr
    assert not (tmp_path / "results").exists()


def test_the_results_of_an_earlier_run_are_removed(make_scenario: MakeScenario, tmp_path: Path) -> None:
    junit = tmp_path / "gates.xml"
    junit.write_text("all is well")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        scenario = make_scenario(agents=1, workers={"first_port": taken.getsockname()[1]})
        done = command("bench", scenario, "--results", tmp_path / "results", "--junit", junit)
    assert done.returncode == 3
    assert not junit.exists()


def test_a_hostile_run_cannot_control_a_terminal(tmp_path: Path) -> None:
    hostile = "\x1b]0;pwn\x07\x1b[2J\x9b\u202e\ud800[bold]"
    directory = written(tmp_path / "run", [replace(one, error=one.error and hostile[:-7]) for one in OUTCOMES])
    info = json.loads((directory / "run.json").read_text())
    info["problems"], info["machine"] = [hostile], {hostile: hostile}
    (directory / "run.json").write_text(json.dumps(info))
    for format_name in ("text", "markdown", "csv", "json", "html"):
        done = command("compare", directory, "--format", format_name, "--report", tmp_path / "report.html")
        assert done.returncode == 0, done.stderr
        assert not set("\x1b\x07\x9b\u202e") & set(done.stdout + done.stderr)
    (directory / "run.json").write_text(json.dumps({**info, "client": {"timeout_s": {"\x1b[2J": "x"}}}))
    (tmp_path / "\x1b[2J").symlink_to(directory)
    done = command("compare", tmp_path / "\x1b[2J")
    assert (done.returncode, "\x1b" in done.stderr, "\\x1b[2J" in done.stderr) == (3, False, True)
