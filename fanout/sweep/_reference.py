"""Reads a reference from a CSV file: the table of an earlier sweep, or other figures in the same form."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from fanout import files
from fanout.errors import NoDataError
from fanout.report.csv import written
from fanout.sweep._parameters import assignments, plain
from fanout.sweep._plan import Milliseconds, Plan, Reference
from fanout.sweep._table import TABLE_FILE
from fanout.text import shorten

FIGURE = "adapter_mean_ms"
_FIGURE = TypeAdapter(Milliseconds)
_Key = tuple[str | float, ...]
"""A combination's values; numbers are floats, so that 4 and 4.0 are equal."""


def read_reference(file: Path, plan: Plan) -> Reference:
    """Reads the figures of a plan's combinations from a file with a column for each parameter, and FIGURE.

    Ignores other columns and other combinations. Raises NoDataError if the file can't be read, lacks a column or
    has a figure for none of the combinations.
    """
    figures = _figures(file, [parameter.key for parameter in plan.parameters])
    mean_ms = tuple(figures.get(_key(each.values)) for each in plan.combinations)
    if all(mean is None for mean in mean_ms):
        example = assignments(plan.parameters, plan.combinations[0].values)
        raise NoDataError(f"{file}: {FIGURE}: none for any combination of this sweep, such as {example}")
    label = file.resolve().parent.name if file.name == TABLE_FILE else file.name
    return Reference(label=label, mean_ms=mean_ms)


def _figures(file: Path, keys: Sequence[str]) -> dict[_Key, float | None]:
    figures: dict[_Key, float | None] = {}
    for line, (*values, figure) in _rows(file, [*keys, FIGURE]):
        combination = tuple(map(_comparable, values))
        if combination in figures:
            raise NoDataError(f"{file}:{line}: {', '.join(keys)}: the same as in an earlier row; allowed: one row each")
        figures[combination] = _mean_ms(figure, f"{file}:{line}")
    return figures


def _rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yields each row's line number and its cells in these columns."""
    try:
        lines = io.StringIO(files.read(file), newline="")
        reader = csv.DictReader(lines, strict=True, skipinitialspace=True)
        if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
            raise NoDataError(f"{file}: has no column {missing[0]}; allowed: CSV with columns {', '.join(columns)}")
        for row in reader:
            if None in row or None in row.values():
                raise NoDataError(f"{file}:{reader.line_num}: the row has more or fewer cells than there are columns")
            yield reader.line_num, [row[name] for name in columns]
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}") from error
    except csv.Error as error:
        raise NoDataError(f"{file}: not a CSV file: {error}") from error


def _key(values: Sequence[object]) -> _Key:
    return tuple(_comparable(str(written(plain(value)))) for value in values)


def _comparable(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _mean_ms(text: str, place: str) -> float | None:
    try:
        return _FIGURE.validate_python(text) if text else None
    except ValidationError:
        allowed = "a number of ms from 0, or empty for unknown"
        raise NoDataError(f"{place}: {FIGURE}: {shorten(text, 80)!r} is not allowed; allowed: {allowed}") from None
