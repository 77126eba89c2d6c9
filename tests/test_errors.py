from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fanout.errors import MAX_LINE, FanoutError, UsageError
from fanout.outcome import BY_NAME, COLUMNS
from fanout.runs.questions_csv import read_frame
from fanout.scenario import load_scenario
from fanout.sweep import parse_parameters

LONG = "9" * 20_000


def test_what_a_terminal_obeys_is_written_out() -> None:
    assert str(UsageError("a\x1b[2J\tb\nc\r")) == "a\\x1b[2J b\nc "


def test_a_line_keeps_its_ends_and_no_more_of_a_value_than_anybody_reads() -> None:
    line = str(UsageError(f"FILE:1: name: {LONG}; allowed: less"))
    assert len(line) == MAX_LINE
    assert line.startswith("FILE:1: name: 999")
    assert line.endswith("999; allowed: less")
    assert "9…9" in line
    exactly = "x" * MAX_LINE
    assert str(UsageError(f"{exactly}\n{exactly}")) == f"{exactly}\n{exactly}"


def _scenario(folder: Path) -> None:
    (folder / "long.yaml").write_text(f"protocol: a2a\nagents: 1\nquestions: '{LONG}.jsonl'\n")
    load_scenario(folder / "long.yaml")


def _questions(folder: Path) -> None:
    row = ["1"] * len(COLUMNS)
    row[7] = "\\" * 20_000
    (folder / "questions.csv").write_text(f"{','.join(BY_NAME)}\n{','.join(row)}\n")
    read_frame(folder / "questions.csv")


def _settings(_: Path) -> None:
    parse_parameters([f"agents{LONG}"])


@pytest.mark.parametrize("read", [_scenario, _questions, _settings])
def test_a_long_value_makes_no_long_error(read: Callable[[Path], None], tmp_path: Path) -> None:
    with pytest.raises(FanoutError) as caught:
        read(tmp_path)
    assert all(len(line) <= MAX_LINE for line in str(caught.value).split("\n"))
