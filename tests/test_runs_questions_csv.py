from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest import mock

import polars as pl
import pytest

from fanout.errors import NoDataError
from fanout.outcome import BY_NAME, COLUMNS, Column
from fanout.runs import questions_csv
from fanout.runs.questions_csv import BEGAN, basis_of, held_ms, latencies, quantile, read_frame, with_latency
from helpers.runs import OUTCOMES, frame_of, outcomes_of, question, run_of, written


def questions(tmp_path: Path, *rows: str) -> Path:
    """A questions.csv with two valid rows, followed by these."""
    file = written(tmp_path / "run") / "questions.csv"
    file.write_text(file.read_text() + "".join(rows))
    return file


def test_a_frame_holds_what_the_outcomes_held() -> None:
    outcomes = [*OUTCOMES, question(3, reused=False, connection="1-7", in_flight=4)]
    assert outcomes_of(replace(run_of([]), questions=frame_of(outcomes))) == outcomes
    assert frame_of([]).columns == frame_of(outcomes).columns


def test_text_with_everything_in_it_comes_back(tmp_path: Path) -> None:
    nasty = replace(OUTCOMES[1], error='a "quote", a comma,\na line and ✓')
    file = written(tmp_path / "run", [nasty]) / "questions.csv"
    assert read_frame(file)["error"].to_list() == [nasty.error]


def row_with(**cells: str) -> str:
    """The line of a question, with these cells in place of its own."""
    row = dict(zip(BY_NAME, OUTCOMES[1].to_row(), strict=True))
    assert set(cells) <= set(row)
    return ",".join({**row, **cells}.values()) + "\n"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("3,1,1,1,fine\n", "csv:4: not a question's row: "),
        (row_with(status="fine"), "csv:4: not a question's row: status is 'fine'"),
        (row_with(agent=""), "csv:4: not a question's row: agent is empty"),
        (row_with(adapter_ms="nan"), "csv:4: not a question's row: adapter_ms is out of bounds"),
        (row_with(started="soon"), "csv:4: not a question's row: started is 'soon'"),
        (row_with(reused="maybe"), "csv:4: not a question's row: reused is 'maybe'"),
        (row_with(response_bytes="9,9"), f"csv:4: not a question's row: {len(COLUMNS) + 1} cells, but {len(COLUMNS)} "),
        (row_with(in_flight=""), "csv:4: not a question's row: in_flight is empty"),
        ("3,1,1,1,ok,,,17", "csv:4: not a question's row"),  # the disk was full
    ],
)
def test_a_damaged_row_is_reported_with_its_line(tmp_path: Path, row: str, expected: str) -> None:
    with pytest.raises(NoDataError) as caught:
        read_frame(questions(tmp_path, row, *([row] if row.endswith("\n") else [])))
    assert expected in str(caught.value)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_the_fast_reader_takes_what_a_column_s_declaration_takes(tmp_path: Path, column: Column) -> None:
    file = questions(tmp_path)
    whole = file.read_text()
    row = dict(zip(BY_NAME, OUTCOMES[1].to_row(), strict=True))
    for cell in ("", "x", "-1", "0", "1", "1.5", "true", "nan", "1e13", "ok"):
        file.write_text(whole + ",".join({**row, column.name: cell}.values()) + "\n")
        try:
            expected = column.read(cell)
        except ValueError:
            with pytest.raises(NoDataError, match=rf"csv:4: not a question's row: {column.name} is"):
                read_frame(file)
        else:
            assert read_frame(file)[column.name][2] == expected, cell


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_a_column_that_is_missing_is_not_known(tmp_path: Path, column: Column) -> None:
    file = written(tmp_path / "run") / "questions.csv"
    whole = read_frame(file)
    whole.drop(column.name).write_csv(file)
    if column.presence == "every file":
        with pytest.raises(NoDataError, match=f"it has no column {column.name}"):
            read_frame(file)
    else:
        frame = read_frame(file)
        assert frame.columns == whole.columns
        assert frame[column.name].null_count() == frame.height == 2
        assert frame.drop(column.name).equals(whole.drop(column.name))


def test_columns_that_are_not_known_are_left_alone(tmp_path: Path) -> None:
    file = written(tmp_path / "run") / "questions.csv"
    whole = read_frame(file)
    header, *rows = file.read_text().splitlines()
    file.write_text("\n".join([f"new,{header}", *(f"soon,{row}" for row in rows), ""]))
    assert read_frame(file).equals(whole)


def test_what_is_asked_of_the_columns() -> None:
    frame = frame_of([*OUTCOMES, question(3, resolving=9)])
    measured = with_latency(frame).collect()
    assert measured["question_id"].to_list() == ["1", "3"] and measured["latency_ms"].to_list() == [5.0, 16.0]
    assert basis_of(frame) == "adapter latency"
    without = frame.with_columns(adapter_ms=pl.lit(None, pl.Float64))
    assert basis_of(without) == "round trip"
    assert latencies(without).to_list() == [20.0, 116.0]
    assert frame.select(held_ms("resolving", "connecting")).to_series().to_list() == [0.0, 0.0, 10.0]


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 2.5), (0.95, 3.85), (1.0, 4.0)])
def test_quantiles_are_interpolated(share: float, expected: float) -> None:
    assert quantile(pl.Series([4.0, 1.0, 3.0, 2.0]), share) == pytest.approx(expected)
    assert quantile(pl.Series([], dtype=pl.Float64), share) == 0


def test_no_question_was_late_before_questions_could_be(tmp_path: Path) -> None:
    file = written(tmp_path / "run", [*OUTCOMES, question(3, late=70, in_flight=1)]) / "questions.csv"
    whole = read_frame(file)
    assert whole.select(1000 * (BEGAN - pl.col("started"))).to_series().round(3).to_list() == [None, None, 70.0]
    whole.drop("late_ms").write_csv(file)
    assert read_frame(file)["late_ms"].to_list() == [None, None, 0.0]  # of the first two, no phase is known


def test_a_row_may_lie_across_two_parts_of_a_file_and_across_lines(tmp_path: Path) -> None:
    rows = [row_with(question_id=str(n), error='"in ""two""\nlines, and more"' if n % 3 else "one") for n in range(40)]
    file = questions(tmp_path, *rows)
    whole = read_frame(file)
    assert whole["error"].to_list()[2:] == ['in "two"\nlines, and more' if n % 3 else "one" for n in range(40)]
    for size in (100, 150, 151, 152, 1000):
        with mock.patch.object(questions_csv, "_PART_BYTES", size):
            try:
                found = read_frame(file)
            except NoDataError as error:
                assert size < max(map(len, rows)), error
            else:
                assert found.equals(whole), size


def test_a_last_row_that_is_not_complete_is_left_out_while_the_file_grows(tmp_path: Path) -> None:
    file = written(tmp_path) / "questions.csv"
    whole = file.read_bytes()
    assert read_frame(file, is_growing=True).height == len(OUTCOMES)
    for rest in (b"3", b"3,1,1,2,ok", b'3,1,1,2,failed,deadline,"two\nlines'):
        file.write_bytes(whole + rest)
        assert read_frame(file, is_growing=True).equals(frame_of(OUTCOMES))
        with pytest.raises(NoDataError):
            read_frame(file)


def test_a_header_with_half_a_line_break_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "questions.csv"
    file.write_bytes(b"a\rb,c\n")
    with pytest.raises(NoDataError):
        read_frame(file)


def test_a_quotation_mark_without_a_counterpart_takes_no_memory(tmp_path: Path) -> None:
    file = questions(tmp_path, row_with(error='"'), *[row_with()] * 100)
    with mock.patch.object(questions_csv, "_PART_BYTES", 1000), pytest.raises(NoDataError, match="not a CSV file"):
        read_frame(file)
