from __future__ import annotations

import json
import time
from pathlib import Path

import psutil
import pytest

from fanout.cli.headless import HeadlessRun
from fanout.errors import CouldNotRunError
from fanout.runs.reader import read_run
from fanout.scenario import load_scenario
from helpers.processes import still_running
from helpers.scenarios import MakeScenario, scenario_of

pytestmark = pytest.mark.process


def test_a_run_waits_for_begin(make_scenario: MakeScenario, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    with HeadlessRun(load_scenario(make_scenario(questions=12)), directory) as run:
        run.wait_until_ready()
        time.sleep(0.5)
        assert (run.new_questions(), run.ended) == (0, False)
        began = time.time()
        run.begin()
        seen = 0
        while not run.ended:
            seen += run.new_questions()
            time.sleep(0.02)
        run.check()
        assert seen + run.new_questions() == 12
    first = float((directory / "questions.csv").read_text().splitlines()[1].split(",")[9])
    assert first >= began


def test_a_run_that_never_begins_ends_cleanly(make_scenario: MakeScenario, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    with HeadlessRun(load_scenario(make_scenario()), directory) as run:
        run.wait_until_ready()
        family = psutil.Process(run.pid).children(recursive=True)
        assert len(family) == 6  # the fleet, four agents, the coordinator
    assert run.ended
    assert not still_running(family)
    assert json.loads((directory / "run.json").read_text())["ended_by"] == "interrupted"


def test_a_run_that_cannot_start_names_its_log(make_scenario: MakeScenario, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    (directory / "run.json").write_text("{}")
    with HeadlessRun(load_scenario(make_scenario()), directory) as run:
        run.wait_until_ready()
        run.begin()
        while not run.ended:
            time.sleep(0.02)
        with pytest.raises(CouldNotRunError, match=r"exit code 3; .*locust\.log.*already holds a run"):
            run.check()


def test_a_file_of_questions_may_be_anywhere(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "mine.jsonl").write_text('{"text": "Why?"}\n')
    directory = tmp_path / "run"
    directory.mkdir()
    with HeadlessRun(scenario_of(agents=1, questions=str(tmp_path / "theirs" / "mine.jsonl")), directory) as run:
        run.wait_until_ready()
        run.begin()
        deadline = time.monotonic() + 60
        while not run.ended and time.monotonic() < deadline:
            time.sleep(0.02)
        run.check()
    assert read_run(directory).questions["status"].to_list() == ["ok"]
