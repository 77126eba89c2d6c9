"""A run's questions as columns: questions.csv in memory, a million rows in a second.

The columns are those of fanout.outcome, null where a value isn't known. What is asked of them in more than one place
stands here as an expression.
"""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl

from fanout.errors import NoDataError
from fanout.outcome import COLUMNS, STATUSES, Outcome
from fanout.phases import Phase

TYPES: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(COLUMNS, pl.Float64),
    **dict.fromkeys(("question_id", "status", "error_kind", "error", "connection"), pl.String),
    **dict.fromkeys(("round", "coordinator", "agent", "in_flight"), pl.Int64),
    "reused": pl.Boolean,
}
"""Of each column."""
_NEEDED = ("question_id", "round", "coordinator", "agent", "status")
_DURATIONS = tuple(name for name in COLUMNS if name.endswith("_ms"))
_NUMBERS = (*_DURATIONS, "started")
_LEAST = {"round": 0, "coordinator": 1, "agent": 1, "in_flight": 0}
"""Of the whole numbers."""
MOST = 1e12
"""Of any number, in its unit: sums of these are finite, and none of them was measured."""
MAX_BYTES = 4_294_967_296
_HEADER_BYTES = 10_000

OK = pl.col("status") == "ok"
MEASURED = OK & pl.col("adapter_ms").is_not_null()
"""The questions whose adapter latency is known, which every latency is told of."""


def held_ms(*phases: Phase) -> pl.Expr:
    """What each question spent in these phases together; an unknown phase counts for nothing."""
    return pl.sum_horizontal(f"{phase}_ms" for phase in phases)


def quantile(values: pl.Series, share: float) -> float:
    """The value that this share of them doesn't exceed, interpolated as NumPy and R do by default; 0 of none."""
    return float(values.quantile(share, "linear") or 0)


def read_frame(file: Path) -> pl.DataFrame:
    """Reads a questions.csv. Raises NoDataError for one that is missing or damaged, with its line."""
    try:
        _check(file)
        frame = pl.read_csv(file, schema=TYPES, glob=False)
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}") from error
    except pl.exceptions.PolarsError as error:
        raise NoDataError(
            _first_mistake(file) or f"{file}: not a CSV file: {str(error).partition(chr(10))[0]}"
        ) from error
    if _is_doubtful(frame) and (mistake := _first_mistake(file)):
        raise NoDataError(mistake)
    return frame


def _check(file: Path) -> None:
    """Before it is read whole. Raises NoDataError for another file, OSError for one that isn't to be opened."""
    if not file.is_file():
        file.stat()  # which says why, where it isn't there
        raise NoDataError(f"{file}: not a regular file")
    if file.stat().st_size > MAX_BYTES:
        raise NoDataError(f"{file}: larger than {MAX_BYTES} bytes; allowed: some ten million questions")
    with file.open("rb") as lines:
        header = lines.readline(_HEADER_BYTES)
    if header.rstrip(b"\r\n") != ",".join(COLUMNS).encode():
        raise NoDataError(f"{file}: its header is not that of questions.csv")


def _is_doubtful(frame: pl.DataFrame) -> bool:
    """Whether a row may be damaged in a way that polars reads over, such as a line that breaks off."""
    checks = [
        pl.any_horizontal(pl.col(name).is_null() for name in _NEEDED).any(),
        (~pl.col("status").is_in(STATUSES)).any(),
        (OK & pl.col("in_flight").is_null()).any(),
        *(~pl.col(name).is_between(-MOST, MOST).all() for name in _NUMBERS),
        *(~pl.col(name).is_between(least, MOST).all() for name, least in _LEAST.items()),
    ]
    return bool(frame.select(pl.any_horizontal(checks)).item()) if frame.height else False


def _out_of_bounds(outcome: Outcome) -> str | None:
    """The name of the first number that can't be, if there is one."""
    least = {**dict.fromkeys(_NUMBERS, -MOST), **_LEAST}
    values = {name: getattr(outcome, name) for name in least}
    return next((name for name in least if values[name] is not None and not least[name] <= values[name] <= MOST), None)


def _first_mistake(file: Path) -> str | None:
    """The first row that isn't one, read line by line: slow, but it knows the line."""
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = csv.DictReader(lines, strict=True)
            for row in rows:
                try:
                    outcome = Outcome.from_row(row)
                    if None in row:
                        raise ValueError("more cells than columns")
                    if wrong := _out_of_bounds(outcome):
                        raise ValueError(f"{wrong} is out of bounds")
                except (KeyError, ValueError, TypeError) as error:
                    return f"{file}:{rows.line_num}: not a question's row: {error}"
    except (csv.Error, UnicodeDecodeError) as error:
        return f"{file}: not a CSV file: {error}"
    return None
