"""Reads questions.csv into a data frame, at more than a million rows a second.

The columns are those of fanout.outcome. Unknown values and columns that the file lacks are null; columns that
fanout.outcome doesn't declare are ignored. Expressions used in several places are defined here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import polars as pl

from fanout.errors import NoDataError
from fanout.outcome import BY_NAME, COLUMNS, MOST_COUNT, Column
from fanout.phases import Phase, column_of

pl.Config.set_engine_affinity("streaming")  # so that a query copies no column as a whole


def _type_of(column: Column) -> pl.DataType | type[pl.DataType]:
    """The smallest type that holds a column's values: a run may have millions of questions."""
    if column.kind is str:
        return pl.Enum(column.allowed) if column.allowed else pl.Categorical
    if column.kind is int:
        return pl.Int32 if column.max_value == MOST_COUNT else pl.Int64
    return pl.Float64 if column.kind is float else pl.Boolean


TYPES = {column.name: _type_of(column) for column in COLUMNS}
"""The type of each column."""
IDENTITY = ("coordinator", "round", "question_id")
"""The columns that identify a question in all runs of the same work."""
MAX_BYTES = 4_294_967_296
_HEADER_BYTES = 10_000
_PART_BYTES = 16_777_216

_LATE = column_of("late")
OK = pl.col("status") == "ok"
OF_LATENCIES = ("status", "adapter_ms", "round_trip_ms")
"""The columns that latencies are made of."""
BEGAN = pl.col("started") + pl.col(_LATE).fill_null(0.0) / 1000
"""When a question really started, in Unix seconds: after its intended start, if it was late."""
ENDED = pl.col("started") + pl.col("round_trip_ms") / 1000
Basis = Literal["adapter latency", "round trip"]
"""What latencies are: without the agents' service time, or with it where no agent reports it."""


def basis_of(questions: pl.DataFrame) -> Basis:
    known, trips = questions.select(pl.col("adapter_ms", "round_trip_ms").filter(OK).count()).row(0)
    return "round trip" if trips and not known else "adapter latency"


def with_latency(questions: pl.DataFrame) -> pl.LazyFrame:
    """The answered questions whose latency is known, in `latency_ms`. All latencies are reported for these.

    Only the columns that are asked of it take time and memory.
    """
    column = "adapter_ms" if basis_of(questions) == "adapter latency" else "round_trip_ms"
    return questions.lazy().filter(OK & pl.col(column).is_not_null()).with_columns(latency_ms=column)


def latencies(questions: pl.DataFrame) -> pl.Series:
    """The latency of each answered question whose latency is known."""
    return with_latency(questions).select("latency_ms").collect().to_series()


def held_ms(*phases: Phase) -> pl.Expr:
    """The time that each question spent in these phases together. Unknown phases count as 0."""
    return pl.sum_horizontal(map(column_of, phases))


def quantile(values: pl.Series, share: float) -> float:
    """The quantile at `share`, interpolated like NumPy's and R's default; 0 if there are no values."""
    return float(values.quantile(share, "linear") or 0)


def read_frame(file: Path, *, is_growing: bool = False) -> pl.DataFrame:
    """Reads a questions.csv. Raises NoDataError, with the line, if it is missing or damaged.

    With `is_growing`, a last row that is not written completely is left out.
    """
    try:
        present = _columns_of(file)
        frames = list(_parts(file, present, is_growing=is_growing))
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise NoDataError(f"{file}: not a CSV file: {error}") from error
    except pl.exceptions.PolarsError as error:
        raise NoDataError(
            _first_problem(file) or f"{file}: not a CSV file: {str(error).partition(chr(10))[0]}"
        ) from error
    return pl.concat(frames, rechunk=False) if frames else pl.DataFrame(schema=TYPES)


def _parts(file: Path, present: Sequence[str], *, is_growing: bool) -> Iterator[pl.DataFrame]:
    """The questions in parts, so that the text of a large file is never in memory as a whole."""
    schema = {name: TYPES.get(name, pl.String) for name in present}
    missing = [_lacking(name).alias(name) for name in TYPES if name not in present]
    with file.open("rb") as text:
        text.readline(_HEADER_BYTES)
        for part in _whole_rows(text, is_growing=is_growing):
            frame = pl.read_csv(part, schema=schema, has_header=False).rechunk()
            if frame.height and frame.select(_is_damaged(present)).item():
                raise NoDataError(_first_problem(file) or f"{file}: damaged: a value is missing or out of bounds")
            yield frame.with_columns(missing).select(TYPES.keys())


def _whole_rows(text: BinaryIO, *, is_growing: bool) -> Iterator[bytes]:
    """The text in parts of about _PART_BYTES, each of whole rows. Raises ValueError for a row that is larger."""
    buffer = bytearray(2 * _PART_BYTES)
    view, filled = memoryview(buffer), 0
    while count := text.readinto(view[filled : filled + _PART_BYTES]):  # type: ignore[attr-defined]
        end = _end_of_rows(buffer, filled + count)
        if end:
            yield bytes(view[:end])
        rest = filled + count - end
        if rest > _PART_BYTES:
            raise ValueError("a quotation mark has no counterpart")
        buffer[:rest] = view[end : end + rest]
        filled = rest
    if filled and not is_growing:
        yield bytes(view[:filled])


def _end_of_rows(text: bytearray, end: int) -> int:
    """Where the last whole row in this text ends. A line may end within quotes, and its row later."""
    is_quote = np.frombuffer(text, np.uint8, end) == ord('"')  # counted in half the time of bytearray.count()
    end = text.rfind(b"\n", 0, end) + 1
    is_within_quotes = np.count_nonzero(is_quote[:end]) % 2 == 1
    while end and is_within_quotes:
        before = text.rfind(b"\n", 0, end - 1) + 1
        is_within_quotes ^= np.count_nonzero(is_quote[before:end]) % 2 == 1
        end = before
    return end


def _lacking(column: str) -> pl.Expr:
    """The values of a column that the file lacks: unknown, except that no question was late before it could be."""
    if column == _LATE:
        return pl.when(pl.col("encode_ms").is_not_null()).then(0.0)
    return pl.lit(None, TYPES[column])


def _columns_of(file: Path) -> list[str]:
    """The columns in the file's header. Raises NoDataError for another kind of file, OSError if it can't be opened."""
    if not file.is_file():
        file.stat()  # raises the OSError of a missing file
        raise NoDataError(f"{file}: not a regular file")
    if file.stat().st_size > MAX_BYTES:
        raise NoDataError(f"{file}: larger than {MAX_BYTES} bytes; allowed: about ten million questions")
    with file.open("rb") as lines:
        header = lines.readline(_HEADER_BYTES).decode("utf-8-sig", errors="replace")
    names = next(csv.reader([header]), [])
    lacking = [column.name for column in COLUMNS if column.presence == "every file" and column.name not in names]
    if lacking or len(set(names)) < len(names):
        wrong = f"has no column {lacking[0]}" if lacking else "has a duplicate column"
        raise NoDataError(f"{file}: its header is not that of questions.csv: it {wrong}")
    return names


def _is_damaged(present: Sequence[str]) -> pl.Expr:
    """Whether any cell breaks its column's declaration. polars has already checked the types."""
    return pl.any_horizontal(_damaged(BY_NAME[name]) for name in present if name in BY_NAME)


def _damaged(column: Column) -> pl.Expr:
    cell = pl.col(column.name)
    wrong = cell.is_null().any() if column.is_needed else pl.lit(value=False)
    if column.kind in (int, float):
        wrong |= (~cell.is_between(column.min_value, column.max_value)).any()
    return wrong


def _first_problem(file: Path) -> str | None:
    """The first damaged row, found line by line, which is slow but gives the line number."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.reader(lines, strict=True)
            names = next(reader, [])
            return next(_problems(file, reader, names), None)
    except (csv.Error, UnicodeDecodeError) as error:
        return f"{file}: not a CSV file: {error}"


def _problems(file: Path, reader: Iterator[list[str]], names: Sequence[str]) -> Iterator[str]:
    for cells in reader:
        place = f"{file}:{reader.line_num}: not a question's row"  # type: ignore[attr-defined]
        if len(cells) != len(names):
            yield f"{place}: {len(cells)} cells, but {len(names)} columns"
            continue
        for name, cell in zip(names, cells, strict=True):
            try:
                if name in BY_NAME:
                    BY_NAME[name].read(cell)
            except ValueError as error:
                yield f"{place}: {error}"
