from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from test_results import OUTCOMES, written

from fanout.errors import ExitCode, NoDataError
from fanout.run import read_run


def replace(directory: Path, file: str, text: str) -> None:
    (directory / file).write_text(text)


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("run.json", "", "run.json: not JSON"),
        ("run.json", "[]", "has no schema number"),
        ("run.json", '{"ended": 1}', "has no schema number"),
        ("run.json", '{"schema": 99, "ended": 1}', "schema 99; this version reads 1 to 2"),
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


def test_a_damaged_row_is_told_with_its_line(tmp_path: Path) -> None:
    directory = written(tmp_path / "run")
    text = (directory / "questions.csv").read_text()
    replace(directory, "questions.csv", text.replace(",failed,", ",fine,"))
    with pytest.raises(NoDataError, match=r"questions.csv:3: not a question's row: status 'fine'"):
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


def test_a_run_of_the_first_schema_is_read() -> None:
    run = read_run(ROOT / "tests" / "data" / "schema-1")
    assert json.loads((run.directory / "run.json").read_text())["schema"] == 1
    assert (run.info["schema"], run.place, run.questions.height) == (2, None, 6)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("series", "x"),
        ("series", {"series": "s"}),
        ("questions", None),
        ("coordinators", None),
        ("git", {}),
        ("problems", 7),
    ],
)
def test_a_key_of_another_kind_is_told(tmp_path: Path, key: str, value: Any) -> None:
    directory = written(tmp_path / "run")
    info = json.loads((directory / "run.json").read_text())
    replace(directory, "run.json", json.dumps({**info, key: value}))
    with pytest.raises(NoDataError, match=rf"run\.json: {key}.*: it is damaged, so run it again"):
        read_run(directory)


def test_a_directory_s_name_is_no_pattern(tmp_path: Path) -> None:
    written(tmp_path / "run1")
    written(tmp_path / "run2")
    assert read_run(written(tmp_path / "run[12]", [OUTCOMES[0]])).questions.height == 1
