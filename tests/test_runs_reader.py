from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from fanout.analysis.metrics import measured
from fanout.analysis.run_summary import summarize
from fanout.errors import ExitCode, NoDataError
from fanout.runs.reader import read_run
from fanout.runs.schema import (
    COUNTERS,
    ClientInfo,
    CoordinatorInfo,
    QuestionCounts,
    RunConnections,
    RunInfo,
    WorkerInfo,
)
from fanout.scenario.metrics import METRICS
from helpers.paths import ROOT
from helpers.runs import OUTCOMES, written


def replace(directory: Path, file: str, text: str) -> None:
    (directory / file).write_text(text)


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("run.json", "", "run.json: not JSON"),
        ("run.json", "[]", "has no schema number"),
        ("run.json", '{"ended": 1}', "has no schema number"),
        (
            "run.json",
            '{"schema": 3, "ended": 1}',
            "schema 3, which another version of fanout wrote; this version reads 1",
        ),
        ("questions.csv", "", "its header is not that of questions.csv"),
        ("questions.csv", "a,b\n1,2\n", "its header is not that of questions.csv"),
        ("questions.csv", "\0", "questions.csv: "),
    ],
)
def test_a_damaged_run_is_an_error_in_words(tmp_path: Path, file: str, text: str, expected: str) -> None:
    directory = written(tmp_path / "run")
    replace(directory, file, text)
    with pytest.raises(NoDataError) as caught:
        read_run(directory)
    assert expected in str(caught.value)
    assert caught.value.exit_code == ExitCode.NO_DATA


def test_a_damaged_row_is_reported_with_its_line(tmp_path: Path) -> None:
    directory = written(tmp_path / "run")
    text = (directory / "questions.csv").read_text()
    replace(directory, "questions.csv", text.replace(",failed,", ",fine,"))
    with pytest.raises(NoDataError, match=r"questions.csv:3: not a question's row: status is 'fine'"):
        read_run(directory)
    replace(directory, "questions.csv", text.rsplit(",", 5)[0])
    with pytest.raises(NoDataError, match=r"questions.csv:3: not a question's row"):
        read_run(directory)


def test_missing_parts(tmp_path: Path) -> None:
    with pytest.raises(NoDataError, match="not a run directory"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(NoDataError, match="no question ended"):
        read_run(written(tmp_path / "empty", []))
    without = written(tmp_path / "without")
    (without / "scenario.yaml").unlink()
    with pytest.raises(NoDataError, match="its scenario can't be read"):
        read_run(without)
    directory = written(tmp_path / "run")
    (directory / "questions.csv").unlink()
    with pytest.raises(NoDataError, match="can't be read"):
        read_run(directory)


def keys_of(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every key in some JSON data."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(key, str):
            yield (*path, key)
        yield from keys_of(inner, (*path, key))


WHOLE = json.loads((ROOT / "tests" / "data" / "run" / "run.json").read_text())
NEEDED = {"schema", "ended", "coordinator", "agent", "address"}
"""Keys that a finished run needs, or that say which coordinator, agent, death or address the other keys belong to."""


@pytest.mark.parametrize("path", [path for path in keys_of(WHOLE) if path[-1] not in NEEDED], ids=lambda p: f"{p}")
def test_a_key_that_is_missing_is_not_known(tmp_path: Path, path: tuple[str | int, ...]) -> None:
    directory, info = of_two_agents(tmp_path / "run")
    inner: Any = info
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    replace(directory, "run.json", json.dumps(info))
    found: Any = read_run(directory)
    summary = summarize(found)  # works without the key
    figures = [measured(metric, summary) for metric in METRICS]
    assert all(figure is None or figure >= 0 for figure in figures)
    found = found.info
    for key in path:
        if isinstance(found, dict):
            assert key not in found
            return
        found = found[key] if isinstance(key, int) else getattr(found, key)
    assert found is None or found in ((), QuestionCounts(), RunConnections())


MAPPINGS = {("versions",), ("machine",), ("client", "timeout_s"), ("coordinators", 0, "retried")}
"""The objects whose keys are data."""


def test_keys_that_are_not_known_are_left_alone(tmp_path: Path) -> None:
    directory, info = of_two_agents(tmp_path / "run")
    before = read_run(directory).info
    for path in [(), *keys_of(WHOLE)]:
        inner: Any = info
        for key in path:
            inner = inner[key]
        if isinstance(inner, dict) and path not in MAPPINGS:
            inner["new"] = [1]
    replace(directory, "run.json", json.dumps(info))
    assert read_run(directory).info == before


def test_the_keys_that_are_written_are_those_of_the_schema() -> None:
    assert list(WHOLE) == [field.name for field in fields(RunInfo)]
    assert set(WHOLE["coordinators"][0]) == {field.name for field in fields(CoordinatorInfo)}
    assert set(WHOLE["coordinators"][0]["agents"][0]) == {"agent", *COUNTERS}
    assert set(WHOLE["workers"][0]) == {field.name for field in fields(WorkerInfo)}
    assert set(WHOLE["client"]) == {field.name for field in fields(ClientInfo)}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("series", "x"),
        ("series", {"series": "s"}),
        ("questions", None),
        ("coordinators", None),
        ("git", 1),
        ("problems", 7),
    ],
)
def test_a_key_of_another_kind_is_reported(tmp_path: Path, key: str, value: Any) -> None:
    directory = written(tmp_path / "run")
    info = json.loads((directory / "run.json").read_text())
    replace(directory, "run.json", json.dumps({**info, key: value}))
    with pytest.raises(NoDataError, match=rf"run\.json: {key}.*: it is damaged, so run it again"):
        read_run(directory)


def test_a_directory_s_name_is_no_pattern(tmp_path: Path) -> None:
    written(tmp_path / "run1")
    written(tmp_path / "run2")
    assert read_run(written(tmp_path / "run[12]", [OUTCOMES[0]])).questions.height == 1


def of_two_agents(directory: Path) -> tuple[Path, dict[str, Any]]:
    """A copy of a whole run, and its run.json."""
    shutil.copytree(ROOT / "tests" / "data" / "run", directory)
    return directory, json.loads((directory / "run.json").read_text())


DAMAGE: list[tuple[str, Any, str]] = [
    ("connections", [1], "coordinators.0.connections: "),
    ("connections", {"opened": "5"}, "coordinators.0.connections.opened: "),
    ("agents", [{"agent": 1}], "coordinators.0.agents: has 1, but the scenario has 2 agents"),
    ("lookups", {"count": 1, "queued_ms": 5}, "coordinators.0.lookups.queued_ms: "),
    ("failed_lookups", {"temporary": -1}, "coordinators.0.failed_lookups.temporary: "),
    ("silent_addresses", [{"cancelled": 1}], "coordinators.0.silent_addresses.0.address: "),
    ("executor", {"threads": 1.5, "max_busy_threads": 0}, "coordinators.0.executor.threads: "),
    ("loop_health", 7, "coordinators.0.loop_health: "),
    ("loop_health", {"cpu_s": float("nan")}, "coordinators.0.loop_health.cpu_s: "),
    ("loop_health", {"lag_ms": {"p99": -1}}, "coordinators.0.loop_health.lag_ms.p99: "),
    ("coordinator", None, "coordinators.0.coordinator: "),
]


@pytest.mark.parametrize(("key", "value", "expected"), DAMAGE)
def test_damage_deep_inside_a_coordinator_is_reported(tmp_path: Path, key: str, value: Any, expected: str) -> None:
    directory, info = of_two_agents(tmp_path / "run")
    info["coordinators"][0][key] = value
    replace(directory, "run.json", json.dumps(info))
    with pytest.raises(NoDataError) as caught:
        read_run(directory)
    assert str(directory / "run.json") in str(caught.value)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ended_by", [1]),
        ("client", 3),
        ("client", {"clients": 2, "made_in_ms": "long"}),
        ("agents", 3),
        ("machine_load", {"busy": "much", "steal": 0}),
        ("machine", {"cpu": {"a": {"b": 1}}}),
        ("connections", {"opened": 10**13}),
        ("questions", {"dispatched": -1}),
        ("problems", [7]),
        ("series", {"series": "s", "place": 0, "repeat": 1}),
    ],
)
def test_what_is_read_of_run_json_has_its_kind_and_bounds(tmp_path: Path, key: str, value: Any) -> None:
    directory, info = of_two_agents(tmp_path / "run")
    replace(directory, "run.json", json.dumps({**info, key: value}))
    with pytest.raises(NoDataError, match=rf"run\.json: {key}.*: it is damaged, so run it again"):
        read_run(directory)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"schema": 3, "ended": ' + "9" * 100_000 + "}", "\ufeff{", "{}\0"])
def test_json_that_no_parser_takes_is_reported(tmp_path: Path, text: str) -> None:
    directory = written(tmp_path / "run")
    replace(directory, "run.json", text)
    with pytest.raises(NoDataError, match=r"run\.json: not JSON"):
        read_run(directory)


@pytest.mark.parametrize(
    ("cell", "value", "expected"),
    [
        (3, "99", "agent 99, but the scenario has 2"),
        (3, "-5", r"questions\.csv:2: not a question's row: agent is out of bounds"),
        (1, "-1", r"questions\.csv:2: not a question's row: round is out of bounds"),
        (10, "1e308", r"questions\.csv:2: not a question's row: adapter_ms is out of bounds"),
        (0, '"', r"questions\.csv: not a CSV file"),
    ],
)
def test_a_number_that_cannot_be_is_reported(tmp_path: Path, cell: int, value: str, expected: str) -> None:
    directory, _ = of_two_agents(tmp_path / "run")
    header, row, *rows = (directory / "questions.csv").read_text().splitlines()
    cells = row.split(",")
    cells[cell] = value
    replace(directory, "questions.csv", "\n".join([header, ",".join(cells), *rows, ""]))
    with pytest.raises(NoDataError, match=expected):
        read_run(directory)


@pytest.mark.parametrize("name", ["run.json", "scenario.yaml", "questions.csv"])
def test_a_run_directory_reaches_nothing_outside_itself(tmp_path: Path, name: str) -> None:
    directory, _ = of_two_agents(tmp_path / "run")
    (directory / name).rename(tmp_path / name)
    (directory / name).symlink_to(tmp_path / name)
    with pytest.raises(NoDataError, match=rf"{name}: a link that leads out of its directory"):
        read_run(directory)
    (directory / name).unlink()
    os.mkfifo(directory / name)
    with pytest.raises(NoDataError, match="not a regular file"):
        read_run(directory)


def test_a_run_s_scenario_reaches_nothing_outside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # from here, one of the user's own scenarios could reach it
    (tmp_path / "secret.jsonl").write_text('{"text": "?"}')
    directory, _ = of_two_agents(tmp_path / "run")
    text = (directory / "scenario.yaml").read_text()
    replace(directory, "scenario.yaml", text.replace("questions: 6", "questions: ../secret.jsonl"))
    with pytest.raises(NoDataError, match=r"questions: .*secret\.jsonl' leads out of .*run; allowed: "):
        read_run(directory)


def test_a_run_of_a_version_without_back_off_did_not_wait(tmp_path: Path) -> None:
    assert read_run(ROOT / "tests" / "data" / "run").scenario.dispatch.on_failure == "continue"
    assert read_run(written(tmp_path / "run")).scenario.dispatch.on_failure == "back_off"
