from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from fanout.errors import CouldNotRunError, NoDataError
from fanout.runs.reader import read_run
from fanout.runs.schema import SCHEMA, RunConnections
from fanout.runs.writer import RunWriter, new_run_dir, write_scenario
from fanout.scenario import load_scenario
from helpers.runs import OUTCOMES, outcomes_of, written
from helpers.scenarios import scenario_of


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    run = read_run(written(tmp_path / "run", seed=9))
    assert outcomes_of(run) == OUTCOMES
    assert run.scenario == scenario_of(seed=9)
    assert run.name == "small"
    assert run.info.seed == 9
    assert run.info.connections == RunConnections(opened=1)
    assert (run.info.ended or 0) >= (run.info.started or 1)
    assert (run.info.versions or {})["httpx"]
    assert (run.info.machine or {})["cpus"]


def test_a_file_of_questions_comes_along(tmp_path: Path) -> None:
    mine = tmp_path / "mine.jsonl"
    mine.write_text('{"text": "Why?"}\n')
    directory = written(tmp_path / "run", questions=str(mine))
    mine.unlink()
    again = read_run(directory).scenario
    assert again.questions == str((directory / "questions.jsonl").resolve())
    (directory / "run.json").unlink()
    written(directory, questions=again.questions)  # its file of questions is the directory's own copy
    assert (directory / "questions.jsonl").read_text() == '{"text": "Why?"}\n'


def test_a_scenario_is_written_so_that_its_folder_is_all_it_needs(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "theirs" / "mine.jsonl").write_text('{"text": "Why?"}\n')
    write_scenario(scenario_of(questions=str(tmp_path / "theirs" / "mine.jsonl")), tmp_path / "run")
    found = load_scenario(tmp_path / "run" / "scenario.yaml", reach=tmp_path / "run")
    assert found.questions == str(tmp_path / "run" / "questions.jsonl")
    write_scenario(found, tmp_path / "run")  # the file of questions is copied onto itself
    assert (tmp_path / "run" / "questions.jsonl").read_text() == '{"text": "Why?"}\n'


def test_after_a_line_that_had_no_room_the_next_follows_the_one_before(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", scenario_of())
    writer.add(OUTCOMES[0])
    size = (tmp_path / "run" / "questions.csv").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limits[1]))
    try:
        with pytest.raises(CouldNotRunError, match="free some space"):
            writer.add(OUTCOMES[1])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    writer.add(OUTCOMES[1])
    writer.finish(writer.begun)
    assert outcomes_of(read_run(tmp_path / "run")) == OUTCOMES
    assert b"\0" not in (tmp_path / "run" / "questions.csv").read_bytes()


def test_a_folder_whose_name_is_too_long_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CouldNotRunError, match="File name too long"):
        RunWriter(tmp_path / ("x" * 300), scenario_of())


def test_every_row_is_on_disk_as_soon_as_it_is_added(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    writer = RunWriter(tmp_path / "run", scenario_of())
    writer.add(OUTCOMES[0])
    assert len((tmp_path / "run" / "questions.csv").read_text().splitlines()) == 2
    with pytest.raises(NoDataError, match="the run has not ended"):
        read_run(tmp_path / "run")
    writer.finish(writer.begun)


def test_directories_of_the_same_second_get_numbers(tmp_path: Path) -> None:
    made = [new_run_dir(tmp_path / "results", "a2a") for _ in range(4)]
    assert len(set(made)) == 4
    assert all(path.is_dir() for path in made)


def test_a_place_that_cannot_be_written_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CouldNotRunError, match="can't create a run directory in"):
        new_run_dir(tmp_path / "file", "a2a")
    with pytest.raises(CouldNotRunError, match="can't write to"):
        RunWriter(tmp_path / "file", scenario_of())


def test_a_run_is_never_written_over(tmp_path: Path) -> None:
    directory = written(tmp_path / "run")
    before = (directory / "questions.csv").read_text()
    with pytest.raises(CouldNotRunError, match="already holds a run"):
        RunWriter(directory, scenario_of())
    assert (directory / "questions.csv").read_text() == before


def test_a_full_disk_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "questions.csv").symlink_to("/dev/full")
    with pytest.raises(CouldNotRunError, match="No space left"):
        RunWriter(tmp_path / "run", scenario_of())


def test_run_json_is_never_half_written(tmp_path: Path) -> None:
    directory = written(tmp_path / "run")
    assert json.loads((directory / "run.json").read_text())["schema"] == SCHEMA
    assert not list(directory.glob("*.unfinished"))
