"""fanout.sweep and scripts/sweep: the grid, the plan on disk, resuming, the table and the chart."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from fanout.errors import CouldNotRunError, NoDataError, ScenarioError, UsageError
from fanout.report import render
from fanout.report.charts import ParameterAxis
from fanout.scenario import Setting, load_scenarios
from fanout.sweep import (
    Parameter,
    Reference,
    claimed,
    draw,
    finished_run,
    grid_of,
    parse_parameters,
    read_plan,
    remove_run,
    rows_of,
    sweep_report,
    write_plan,
)
from fanout.sweep._chart import axis_of, lines_of, others_of, parameter_along
from fanout.sweep._grid import names_of
from helpers.paths import ROOT
from helpers.processes import command, still_running
from helpers.runs import written
from helpers.scenarios import MakeScenario, scenario_of
from helpers.sweeps import AGENTS_SWEPT, TOPOLOGY, plan_of, runs_of
from helpers.texts import numbers


def test_values_are_written_as_in_yaml() -> None:
    found = parse_parameters(
        [
            "agents=4, 8,16",
            "client.limits.max_connections=100,unlimited",
            "workers.service_time={distribution: constant, value_s: 1}",
            "coordinator.pause_s=0.5",
        ]
    )
    assert found == (
        Parameter("agents", (4, 8, 16)),
        Parameter("client.limits.max_connections", (100, "unlimited")),
        Parameter("workers.service_time", ({"distribution": "constant", "value_s": 1},)),
        Parameter("coordinator.pause_s", (0.5,)),
    )
    assert [parameter.numeric for parameter in found] == [True, False, False, False]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["agents"], "--set agents: not a key with values; allowed: KEY=VALUE"),
        (["=4"], "--set =4: not a key with values; allowed"),
        (["agents="], "--set agents=: no values; allowed: KEY=VALUE"),
        (["agents=4,8,4"], "--set agents=4,8,4: 4 is a duplicate; allowed: each value once"),
        (["agents=4", "agents=8"], "--set agents is given twice; allowed: one --set"),
        (["client.limits={}", "client.limits.max_connections=1"], "overlap; allowed: keys that don't contain"),
        (["name=x"], "name can't be swept"),
        (["extends=x.yaml"], "extends can't be swept"),
        (["agents=["], "--set agents=[: not YAML"),
        (["agents=1]\nfoo: [2"], "not YAML: a bracket that was never opened"),
        (["a" + ".a" * 50_000 + "=1"], "not a key with values"),
        (["\x1b[2J=1"], "not a key with values"),
        (["agents=4]"], "--set agents=4]: not YAML"),
        (["agents={1: 2}"], "--set agents={1: 2}: a key that is not text"),
    ],
)
def test_what_is_no_parameter_is_reported_in_a_line(texts: list[str], expected: str) -> None:
    with pytest.raises(UsageError) as found:
        parse_parameters(texts)
    assert expected in str(found.value)
    assert "\n" not in str(found.value)


def test_the_grid_is_every_combination_laid_over_the_file(make_scenario: MakeScenario) -> None:
    path = make_scenario(seed=3)
    path.with_name("over.yaml").write_text("extends: small.yaml\n")
    name, combinations = grid_of(
        path.with_name("over.yaml"), parse_parameters(["agents=2,4", "client.limits.max_connections=50,unlimited"])
    )
    assert name == "over"
    assert [each.values for each in combinations] == [(2, 50), (2, "unlimited"), (4, 50), (4, "unlimited")]
    assert [each.scenario.name for each in combinations] == [
        "over-agents-2-max_connections-50",
        "over-agents-2-max_connections-unlimited",
        "over-agents-4-max_connections-50",
        "over-agents-4-max_connections-unlimited",
    ]
    assert [each.scenario.agents for each in combinations] == [2, 2, 4, 4]
    assert [each.scenario.client.limits.max_connections for each in combinations] == [50, None] * 2
    assert {each.scenario.seed for each in combinations} == {3}


def test_another_distribution_replaces_the_file_s_and_null_is_as_if_left_out(make_scenario: MakeScenario) -> None:
    lognormal = "workers.service_time={distribution: lognormal, median_s: 2, sigma: 0.1},null"
    _, combinations = grid_of(make_scenario(), parse_parameters([lognormal]))
    assert [each.scenario.workers.service_time.distribution for each in combinations] == ["lognormal", "constant"]


def test_a_problem_of_a_setting_is_reported_with_the_setting_and_once(make_scenario: MakeScenario) -> None:
    path = make_scenario(client={"limits": {"max_connections": 300, "max_keepalive_connections": 200}})
    parameters = parse_parameters(
        ["agents=x,4", "client.topology=bad,worse", "client.limits.max_connections=10", "cliemt.x=1"]
    )
    with pytest.raises(ScenarioError) as found:
        grid_of(path, parameters)
    lines = str(found.value).splitlines()
    assert len(lines) == len(set(lines)) == 5
    assert "--set agents=x: agents: 'x' is not allowed; allowed: a number to start" in str(found.value)
    assert "--set client.topology=bad: client.topology: 'bad' is not allowed; allowed: shared" in str(found.value)
    assert "--set cliemt.x=1: cliemt: unknown key; did you mean client?" in str(found.value)
    together = "--set client.limits.max_connections=10: client.limits.max_keepalive_connections: 200 is more than"
    assert together in str(found.value)


def test_settings_tell_their_place_whatever_stood_there_before(make_scenario: MakeScenario) -> None:
    path = make_scenario(client={"limits": {"max_connections": 300}})
    for key, value, where in (
        ("client.limits", {"max_connections": "x"}, "client.limits.max_connections"),
        ("agents.first", 1, "agents"),
        ("client.timeout_s", {"read": -1}, "client.timeout_s.read"),
        ("agents", ["nowhere"], "agents.0"),
    ):
        with pytest.raises(ScenarioError) as found:
            load_scenarios(path, [[Setting(key, value, "here")]])
        assert [(problem.file, problem.line, problem.key) for problem in found.value.problems] == [("here", 0, where)]


def test_grids_that_are_too_large_or_say_the_same_twice_are_refused(make_scenario: MakeScenario) -> None:
    path = make_scenario()
    with pytest.raises(UsageError, match="10002 runs are too many; allowed: up to 10000"):
        grid_of(path, parse_parameters(["seed=1,2"]), repeat=5001)
    with pytest.raises(UsageError, match=r"client.timeout_s=5 and client.timeout_s=5.0 make the same scenario"):
        grid_of(path, parse_parameters(["client.timeout_s=5,5.0"]))


def test_a_wrong_file_of_questions_is_reported_before_anything_runs(make_scenario: MakeScenario) -> None:
    path = make_scenario()
    path.with_name("good.jsonl").write_text('{"text": "why?"}\n')
    path.with_name("bad.jsonl").write_text("why?\n")
    with pytest.raises(ScenarioError, match=r"bad\.jsonl:1: not JSON"):
        grid_of(path, parse_parameters(["questions=good.jsonl,bad.jsonl"]))


def test_names_fit_and_are_different() -> None:
    long = Parameter("agents", tuple([f"http://127.0.0.1:{port}" for port in range(n)] for n in (3, 4)))
    names = names_of("x" * 80, [long], [(value,) for value in long.values])
    assert names == ["x" * 78 + "-1", "x" * 78 + "-2"]
    alike = Parameter("questions", ("a b", "a-b"))
    assert names_of("s", [alike], [("a b",), ("a-b",)]) == ["s-questions-a-b-1", "s-questions-a-b-2"]
    two = [Parameter("a.x", (1,)), Parameter("b.x", (2,))]
    assert names_of("s", two, [(1, 2)]) == ["s-a.x-1-b.x-2"]
    for name in names:
        assert scenario_of(name=name).name == name


def test_a_plan_survives_its_file_and_its_directory_s_move(tmp_path: Path) -> None:
    questions = tmp_path / "mine.jsonl"
    questions.write_text('{"text": "why?"}\n')
    plan = plan_of(AGENTS_SWEPT, TOPOLOGY, repeat=3, questions=str(questions))
    reference = Reference(label="elsewhere", mean_ms=(1.5, *[None] * 5), service_time_scale=0.5)
    plan = replace(plan, at_once=2, reference=reference)
    (tmp_path / "one").mkdir()
    write_plan(plan, tmp_path / "one")
    questions.unlink()
    moved = (tmp_path / "one").rename(tmp_path / "two")
    found = read_plan(moved)
    copied = str(moved / "questions-1.jsonl")
    expected = [each.scenario.model_copy(update={"questions": copied}) for each in plan.combinations]
    assert found.scenarios == expected
    assert Path(copied).read_text() == '{"text": "why?"}\n'
    assert replace(found, combinations=()) == replace(plan, combinations=())
    assert [each.values for each in found.combinations] == [each.values for each in plan.combinations]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (None, "not a sweep's directory: it has no sweep.json"),
        ("{", "damaged: not JSON"),
        ("[]", "it has no schema number"),
        ({"schema": 2}, "schema 2; this version reads 1"),
        ({"repeat": 0}, "damaged: repeat: Input should be greater than or equal to 1"),
        ({"combinations": []}, "damaged: combinations: "),
        ({"name": "../x\x1b[2J"}, "damaged: name: "),
        ({"repeat": 10_000}, "damaged: more than 10000 runs"),
        ({"parameters": [{"key": "a b", "values": [2]}]}, "damaged: parameters.0.key: "),
        ({"parameters": [{"key": "agents", "values": [10**400]}]}, "damaged: parameters.0.values.0"),
        (
            {"parameters": [{"key": "agents", "values": [7]}]},
            "damaged: a combination has a value that its parameter doesn't",
        ),
        ("[" * 100_000, "damaged: not JSON"),
        ({"parameters": []}, "damaged: parameters: "),
        ({"combinations": [{"values": [2], "scenario": "agents: x"}]}, "damaged: "),
        ({"combinations": [{"values": [2], "scenario": scenario_of().to_yaml()}] * 2}, "same name"),
        ({"reference": {"label": "x", "mean_ms": [1.0, 2.0]}}, "damaged: reference doesn't have one figure for each"),
        ({"reference": {"label": "x", "mean_ms": [1.0, 2.0, -3.0]}}, "damaged: reference.mean_ms.2: "),
    ],
)
def test_a_damaged_plan_is_reported_in_a_line(tmp_path: Path, change: Any, expected: str) -> None:
    file = tmp_path / "sweep.json"
    write_plan(plan_of(AGENTS_SWEPT), tmp_path)
    if change is None:
        file.unlink()
    elif isinstance(change, str):
        file.write_text(change)
    else:
        file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(NoDataError) as found:
        read_plan(tmp_path)
    assert expected in str(found.value)
    assert "\n" not in str(found.value)


def test_keys_that_are_missing_are_unknown_and_others_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "sweep.json"
    write_plan(plan_of(AGENTS_SWEPT), tmp_path)
    written_keys = json.loads(file.read_text())
    del written_keys["reference"]
    file.write_text(json.dumps({**written_keys, "of_a_later_version": 1}))
    found = read_plan(tmp_path)
    assert (found.name, found.reference) == ("small", None)


def test_only_a_run_that_was_made_to_its_end_is_finished(tmp_path: Path) -> None:
    def made(name: str, ended_by: str, **changes: Any) -> Path:
        file = written(tmp_path / name) / "run.json"
        info = json.loads(file.read_text())
        file.write_text(json.dumps({**info, "ended_by": ended_by, "questions": {"dispatched": 2}, **changes}))
        return file.parent

    assert finished_run(made("good", "rounds_done")) is not None
    for broken in (
        made("interrupted", "interrupted"),
        made("killed", "rounds_done", ended=None),
        made("lost", "rounds_done", questions={"dispatched": None}),
        tmp_path / "nothing",
    ):
        assert finished_run(broken) is None
        remove_run(broken)
        assert not broken.exists()
    assert (tmp_path / "good").exists()


def test_what_cannot_be_removed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanout.sweep._directory.LET_GO_S", 0)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CouldNotRunError, match="link: can't be removed"):
        remove_run(tmp_path / "link")
    assert (tmp_path / "elsewhere").exists()


def test_a_directory_takes_one_sweep_at_a_time(tmp_path: Path) -> None:
    write_plan(plan_of(AGENTS_SWEPT), tmp_path)
    with claimed(tmp_path), pytest.raises(CouldNotRunError, match="another process is running"), claimed(tmp_path):
        pass
    with claimed(tmp_path):
        pass


def test_the_table_has_a_row_for_each_combination_also_without_runs() -> None:
    plan = plan_of(Parameter("agents", (2, 4)), TOPOLOGY, repeat=2)
    rows = rows_of(plan, runs_of(plan, [1.0, 3.0], [5.0, 5.0], [7.0], []))
    report = sweep_report(plan, rows, "scripts/sweep --resume x", None)
    found = list(csv.DictReader(render(report, "csv").splitlines()))
    assert [(row["agents"], row["client.topology"], row["runs"], row["adapter_mean_ms"]) for row in found] == [
        ("2", "shared", "2", "2.0"),
        ("2", "per_agent", "2", "5.0"),
        ("4", "shared", "1", "7.0"),
        ("4", "per_agent", "0", ""),
    ]
    assert (found[0]["adapter_mean_ms_low"], found[0]["adapter_mean_ms_high"], found[0]["cpu_ms"]) == (
        "1.0",
        "3.0",
        "0.2",
    )
    assert [len(row.repeats.runs) for row in report.rows] == [2, 2, 1]
    assert report.notes[0] == "3 of 8 runs could not be made (c2, c3); try them again with scripts/sweep --resume x"
    lines = render(report, "text").splitlines()
    titles = (
        "agents client.topology runs questions ended failed mean ms p50 ms p95 ms max ms connections CPU ms/question"
    )
    assert lines[0].split() == [*titles.split(), "memory", "MiB", "cause"]
    assert lines[5].split() == ["4", "per_agent", "0", *["–"] * 10]
    assert len(json.loads(render(report, "json"))["rows"]) == 4


def test_values_of_any_kind_have_a_column() -> None:
    plan = plan_of(Parameter("x", (None, True, 0.25, [1, "a"], {"b": 2})))
    table = sweep_report(plan, rows_of(plan, [[]] * 5), "again", None).tables[0]
    assert [table.columns[0].text(row) for row in table.rows] == ["null", "true", "0.25", "[1, a]", "{b: 2}"]
    assert [table.columns[0].value(row) for row in table.rows] == ["null", True, 0.25, "[1, a]", "{b: 2}"]


def test_the_lines_run_along_the_first_parameter_of_numbers() -> None:
    plan = plan_of(TOPOLOGY, Parameter("agents", (4, 2)), repeat=2)
    rows = rows_of(plan, runs_of(plan, [1.0, 3.0], [5.0, 7.0], [9.0, 9.0], []))
    assert parameter_along(plan).key == "agents"
    assert others_of(plan) == [TOPOLOGY]
    shared, per_agent = lines_of(plan, rows, "mean_ms")
    assert [(p.x, p.y, p.low, p.high) for p in shared.points] == [(2.0, 6.0, 5.0, 7.0), (4.0, 2.0, 1.0, 3.0)]
    assert (per_agent.label, [p.x for p in per_agent.points]) == ("per_agent", [4.0])


def test_without_numbers_the_lines_run_along_categories() -> None:
    limits = Parameter("client.limits.max_connections", (100, "unlimited"))
    assert parameter_along(plan_of(Parameter("seed", (1,)), limits)) is limits
    assert axis_of(limits) == ParameterAxis(limits.key, ((0.0, "100"), (1.0, "unlimited")), is_numeric=False)
    assert axis_of(Parameter("agents", (2, 4))).ticks == ((2.0, "2"), (4.0, "4"))
    assert axis_of(Parameter("agents", (2, 4))).is_numeric
    assert axis_of(Parameter("seed", (1,))).ticks == ((0.0, "1"),)


def test_the_chart_names_its_lines_by_the_other_parameters_and_says_what_its_marks_are() -> None:
    plan = plan_of(AGENTS_SWEPT, Parameter("client.topology", ("shared", "$a_1$")), repeat=2)
    rows = rows_of(plan, runs_of(plan, *[[float(n), n + 2.0] for n in range(1, 7)]))
    chart = draw(plan, rows)
    assert chart is not None
    texts = [text.text for text in ET.fromstring(chart.svg).iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("shared") == texts.count("$a_1$") == texts.count("client.topology") == 2
    assert {"2", "4", "32", "agents", "adapter latency, mean ms"} <= set(texts)
    assert chart.title == "small by agents"
    assert "the mean of 2 runs" in chart.caption
    assert sweep_report(plan, rows, "again", chart).charts == [chart]


def test_the_chart_of_nothing_is_none() -> None:
    plan = plan_of(AGENTS_SWEPT)
    assert draw(plan, rows_of(plan, [[], [], []])) is None
    assert draw(plan, rows_of(plan, runs_of(plan, [], [2.0], []))) is not None


def test_lines_of_long_values_that_begin_alike_are_not_one() -> None:
    plan = plan_of(AGENTS_SWEPT, Parameter("name", ("x" * 50 + "1", "x" * 50 + "2")))
    lines = lines_of(plan, rows_of(plan, runs_of(plan, *[[float(n)] for n in range(1, 7)])), "mean_ms")
    assert [[p.y for p in line.points] for line in lines] == [[1, 3, 5], [2, 4, 6]]


def table_of(done: subprocess.CompletedProcess[str]) -> list[tuple[Any, ...]]:
    """The figures that are the same whenever the same sweep runs."""
    keys = ("agents", "client.topology", "runs", "questions_ended", "failed", "connections_opened", "scenario")
    return [tuple(row.get(key) for key in keys) for row in json.loads(done.stdout)["rows"]]


def started(*args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "fanout.cli", "sweep", *map(str, args)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def wait_for(pattern: str, folder: Path, timeout_s: float = 30) -> Path:
    """Waits for the first path that matches; a run.json counts once its run has ended."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        for found in sorted(folder.glob(pattern)):
            if found.name != "run.json" or json.loads(found.read_text())["ended"]:
                return found
        time.sleep(0.02)
    raise AssertionError(f"no {pattern} in {folder}")


def began(sweep: Path) -> dict[str, float]:
    """The start time of each finished run."""
    return {
        run.directory.name: run.info.started or 0
        for directory in sweep.iterdir()
        if (run := finished_run(directory)) is not None
    }


@pytest.mark.process
def test_a_killed_sweep_is_resumed(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario()
    args = (scenario, "--set", "agents=2,4", "--set", "client.topology=shared", "--format", "json")
    whole = command("sweep", *args, "--results", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    (sweep,) = (tmp_path / "whole").iterdir()
    assert f"{sweep}: sweep.csv, sweep.svg" in whole.stderr
    assert f"scripts/sweep --resume {sweep}" in whole.stderr
    with (sweep / "sweep.csv").open() as lines:
        assert [(row["agents"], row["runs"]) for row in csv.DictReader(lines)] == [("2", "1"), ("4", "1")]
    ET.parse(sweep / "sweep.svg")

    process = started(*args, "--results", tmp_path / "killed")
    first = wait_for("*/01-*-1/run.json", tmp_path / "killed")
    second = wait_for("*/02-*-1", tmp_path / "killed")
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    assert not still_running(family, 10)
    scenario.unlink()
    known = began(first.parent.parent)
    assert first.parent.name in known and second.name not in known
    resumed = command("sweep", "--resume", second.parent, "--format", "json")
    assert resumed.returncode == 0, resumed.stderr
    assert [1.0, 1.0] in [numbers(line) for line in resumed.stderr.splitlines()]  # one run exists, one is missing
    assert table_of(resumed) == table_of(whole)
    assert known.items() <= began(second.parent).items()
    again = command("sweep", "--resume", second.parent, "--format", "json")
    assert (again.returncode, again.stdout) == (0, resumed.stdout)
    (line,) = again.stderr.strip().splitlines()
    assert f"{second.parent}: sweep.csv, sweep.svg" in line


@pytest.mark.process
def test_a_run_that_cannot_be_made_does_not_end_the_sweep(make_scenario: MakeScenario, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        scenario = make_scenario(agents=1, questions=2)
        done = command(
            "sweep", scenario, "--set", f"workers.first_port={port},0", "--results", tmp_path / "results",
            "--format", "json", "--junit", tmp_path / "gates.xml",
        )  # fmt: skip
    assert done.returncode == 3
    assert 'errors="2"' in (tmp_path / "gates.xml").read_text().splitlines()[1]  # of the run that could not be made
    assert "Locust ended with exit code 3" in done.stderr and "Traceback" not in done.stderr
    (sweep,) = (tmp_path / "results").iterdir()
    table = json.loads(done.stdout)
    assert [(row["runs"], row["failed"]) for row in table["rows"]] == [(0, None), (1, 0)]
    assert table["notes"][0].startswith(f"1 of 2 runs could not be made (small-first_port-{port});")
    known = began(sweep)
    done = command("sweep", "--resume", sweep, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert [row["runs"] for row in json.loads(done.stdout)["rows"]] == [1, 1]
    assert known.items() <= began(sweep).items()


@pytest.mark.process
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sweep_says_how_to_go_on(
    make_scenario: MakeScenario, tmp_path: Path, how: signal.Signals
) -> None:
    slow = {"service_time": {"distribution": "constant", "value_s": 30.0}}
    scenario = make_scenario(workers=slow, client={"timeout_s": 60})
    process = started(scenario, "--set", "agents=1,2", "--results", tmp_path / "results")
    sweep = wait_for("*/01-*/questions.csv", tmp_path / "results").parent.parent
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    resume, interrupted = errors.strip().splitlines()[-2:]
    assert f"scripts/sweep --resume {sweep}" in resume and interrupted == "interrupted"
    assert not still_running(family, 5)
    assert began(sweep) == {}


@pytest.mark.process
def test_questions_that_fail_are_reported_by_the_exit_code(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(client={"timeout_s": 0.001})
    done = command("sweep", scenario, "--set", "agents=2", "--results", tmp_path / "results", "--format", "json")
    assert done.returncode == 1
    (row,) = json.loads(done.stdout)["rows"]
    assert (row["failed"], row["adapter_mean_ms"]) == (12, None)


@pytest.mark.process
@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), "nothing to sweep; allowed: SCENARIO with --set"),
        (("SMALL",), "nothing to sweep"),
        (("--set", "agents=2"), "nothing to sweep"),
        (("SMALL", "--set", "agents"), "not a key with values"),
        (("SMALL", "--set", "agents=x"), "--set agents=x: agents: 'x' is not allowed"),
        (("nowhere.yaml", "--set", "agents=2"), "nowhere.yaml: can't be read"),
        (("SMALL", "--preset", "published"), "--preset names the whole grid"),
        (("--preset", "unpublished"), "Invalid value for '--preset'"),
        (("SMALL", "--set", "workers.service_time.scale=1,2", "--scale", 2), "both set the scale"),
        (
            ("SMALL", "--set", "agents=[http://127.0.0.1:1]", "--set", "workers=null", "--scale", 2),
            "no effect on agents",
        ),
        (("--resume", ".", "--repeat", 2), "leave out --repeat"),
        (("--resume", ".", "SMALL"), "leave out SCENARIO"),
        (("--resume", ".", "--results", "x"), "leave out --results"),
        (("--at-once", 0), "Invalid value for '--at-once'"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_made(
    make_scenario: MakeScenario, tmp_path: Path, args: tuple[object, ...], expected: str
) -> None:
    small = make_scenario()
    done = command("sweep", *(small if arg == "SMALL" else arg for arg in args), cwd=tmp_path)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


@pytest.mark.process
def test_what_is_no_sweep_is_not_resumed(tmp_path: Path) -> None:
    done = command("sweep", "--resume", tmp_path)
    assert done.returncode == 3
    assert done.stderr == f"error: {tmp_path}: not a sweep's directory: it has no sweep.json\n"


def test_a_plan_reaches_nothing_outside_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep").mkdir()
    (tmp_path / "secret.jsonl").write_text('{"text": "?"}')
    write_plan(plan_of(AGENTS_SWEPT), tmp_path / "sweep")
    file = tmp_path / "sweep" / "sweep.json"
    text = file.read_text()
    for questions in ("../secret.jsonl", str(tmp_path / "secret.jsonl")):
        file.write_text(text.replace("questions: 12", f"questions: {questions}"))
        with pytest.raises(NoDataError, match=r"damaged: .*questions: .* leads out of .*sweep; allowed: "):
            read_plan(tmp_path / "sweep")
