"""A run's questions as columns: questions.csv in memory, a million rows in a second.

The columns are those of fanout.outcome, null where a value isn't known. A column that the file lacks is null; one that
isn't known is left alone. What is asked of them in more than one place stands here as an expression.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from fanout.errors import NoDataError
from fanout.outcome import BY_NAME, COLUMNS, MOST, Column
from fanout.phases import Phase, column_of

_TYPES: dict[type, type[pl.DataType]] = {str: pl.String, int: pl.Int64, float: pl.Float64, bool: pl.Boolean}
TYPES = {column.name: _TYPES[column.kind] for column in COLUMNS}
"""Of each column."""
MAX_BYTES = 4_294_967_296
_HEADER_BYTES = 10_000

OK = pl.col("status") == "ok"
MEASURED = OK & pl.col("adapter_ms").is_not_null()
"""The questions whose adapter latency is known, which every latency is told of."""


def held_ms(*phases: Phase) -> pl.Expr:
    """What each question spent in these phases together; an unknown phase counts for nothing."""
    return pl.sum_horizontal(map(column_of, phases))


def quantile(values: pl.Series, share: float) -> float:
    """The value that this share of them doesn't exceed, interpolated as NumPy and R do by default; 0 of none."""
    return float(values.quantile(share, "linear") or 0)


def read_frame(file: Path) -> pl.DataFrame:
    """Reads a questions.csv. Raises NoDataError for one that is missing or damaged, with its line."""
    try:
        there = _columns_of(file)
        frame = pl.read_csv(file, schema={name: TYPES.get(name, pl.String) for name in there}, glob=False)
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}") from error
    except pl.exceptions.PolarsError as error:
        raise NoDataError(
            _first_mistake(file) or f"{file}: not a CSV file: {str(error).partition(chr(10))[0]}"
        ) from error
    if frame.height and frame.select(_is_damaged(there)).item():
        raise NoDataError(_first_mistake(file) or f"{file}: damaged: a value is missing or out of bounds")
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in TYPES.items() if name not in there]
    return frame.with_columns(missing).select(TYPES.keys())


def _columns_of(file: Path) -> list[str]:
    """The file's header. Raises NoDataError for another file, OSError for one that isn't to be opened."""
    if not file.is_file():
        file.stat()  # which says why, where it isn't there
        raise NoDataError(f"{file}: not a regular file")
    if file.stat().st_size > MAX_BYTES:
        raise NoDataError(f"{file}: larger than {MAX_BYTES} bytes; allowed: some ten million questions")
    with file.open("rb") as lines:
        header = lines.readline(_HEADER_BYTES).decode("utf-8-sig", errors="replace")
    names = next(csv.reader([header]), [])
    lacking = [column.name for column in COLUMNS if column.presence == "every file" and column.name not in names]
    if lacking or len(set(names)) < len(names):
        wrong = f"has no column {lacking[0]}" if lacking else "names a column twice"
        raise NoDataError(f"{file}: its header is not that of questions.csv: it {wrong}")
    return names


def _is_damaged(there: Sequence[str]) -> pl.Expr:
    """Whether a cell isn't what its column declares; polars has seen to it that it is of its kind."""
    return pl.any_horizontal(_damaged(BY_NAME[name]) for name in there if name in BY_NAME)


def _damaged(column: Column) -> pl.Expr:
    cell = pl.col(column.name)
    wrong = cell.is_null().any() if column.is_needed else pl.lit(value=False)
    if column.kind in (int, float):
        wrong |= (~cell.is_between(column.min_value, MOST)).any()
    if column.allowed:
        wrong |= (~cell.is_in(column.allowed)).any()
    return wrong


def _first_mistake(file: Path) -> str | None:
    """The first row that isn't one, read line by line: slow, but it knows the line."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.reader(lines, strict=True)
            names = next(reader, [])
            return next(_mistakes(file, reader, names), None)
    except (csv.Error, UnicodeDecodeError) as error:
        return f"{file}: not a CSV file: {error}"


def _mistakes(file: Path, reader: Iterator[list[str]], names: Sequence[str]) -> Iterator[str]:
    for cells in reader:
        place = f"{file}:{reader.line_num}: not a question's row"  # type: ignore[attr-defined]
        if len(cells) != len(names):
            yield f"{place}: {len(cells)} cells, and {len(names)} columns"
            continue
        for name, cell in zip(names, cells, strict=True):
            try:
                if name in BY_NAME:
                    BY_NAME[name].read(cell)
            except ValueError as error:
                yield f"{place}: {error}"
