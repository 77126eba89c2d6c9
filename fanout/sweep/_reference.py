"""A reference from a CSV file: an earlier sweep's own table, or figures from elsewhere in the same form."""

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
"""A combination's values, comparable however its numbers are written."""


def read_reference(file: Path, plan: Plan) -> Reference:
    """What a file with a column for each parameter, and FIGURE, has on a plan's combinations.

    Other columns are left alone, and so are rows of other combinations. Raises NoDataError for a file that can't be
    read or lacks a column, and for one that has no figure of any of the combinations.
    """
    figures = _figures(file, [parameter.key for parameter in plan.parameters])
    mean_ms = tuple(figures.get(_key(each.values)) for each in plan.combinations)
    if all(mean is None for mean in mean_ms):
        such_as = assignments(plan.parameters, plan.combinations[0].values)
        raise NoDataError(f"{file}: {FIGURE}: none for a combination of this sweep; allowed: such as for {such_as}")
    label = file.resolve().parent.name if file.name == TABLE_FILE else file.name
    return Reference(label=label, mean_ms=mean_ms)


def _figures(file: Path, keys: Sequence[str]) -> dict[_Key, float | None]:
    figures: dict[_Key, float | None] = {}
    for line, (*values, figure) in _rows(file, [*keys, FIGURE]):
        combination = tuple(map(_comparable, values))
        if combination in figures:
            raise NoDataError(f"{file}:{line}: {', '.join(keys)}: as in an earlier row; allowed: one row for each")
        figures[combination] = _mean_ms(figure, f"{file}:{line}")
    return figures


def _rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The texts in these columns of each row, with its line."""
    try:
        lines = io.StringIO(files.read(file), newline="")
        reader = csv.DictReader(lines, strict=True, skipinitialspace=True)
        if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
            raise NoDataError(f"{file}: has no column {missing[0]}; allowed: CSV with columns {', '.join(columns)}")
        for row in reader:
            if None in row or None in row.values():
                raise NoDataError(f"{file}:{reader.line_num}: not as many cells as columns")
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
        allowed = "a number of ms from 0, or nothing where it isn't known"
        raise NoDataError(f"{place}: {FIGURE}: {shorten(text, 80)!r} is not allowed; allowed: {allowed}") from None
