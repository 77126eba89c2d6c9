"""Reads Locust's CSV reports of every version, also as a spreadsheet saves them, with semicolons and decimal commas.

Before 0.13.3, Locust wrote PREFIX_requests.csv, whose percentiles were in PREFIX_distribution.csv. Since then it writes
PREFIX_stats.csv and PREFIX_stats_history.csv, and since 1.0 with today's names of columns.
"""

from __future__ import annotations

import csv
import errno
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fanout import files
from fanout.errors import NoDataError
from fanout.outcome import MOST
from fanout.runs.file_kinds import not_a_summary, not_a_table
from fanout.text import shorten

COLUMNS: dict[str, tuple[str, ...]] = {
    "type": ("Type", "Method"),
    "name": ("Name",),
    "requests": ("Request Count", "# requests"),
    "failures": ("Failure Count", "# failures"),
    "median_ms": ("Median Response Time",),
    "mean_ms": ("Average Response Time",),
    "max_ms": ("Max Response Time",),
    "requests_per_s": ("Requests/s",),
    "failures_per_s": ("Failures/s", "Requests Failed/s"),
    "timestamp": ("Timestamp",),
    "users": ("User Count",),
    "error": ("Error",),
    "message": ("Message",),
    "traceback": ("Traceback",),
}
"""Our name of each column that is read or tells files apart, and its names in all versions, whatever their case."""
SUMMARY_COLUMNS = ("type", "name", "requests", "failures", "median_ms", "mean_ms", "max_ms")
"""What every version's summary has."""
TOTAL_TYPES, TOTAL_NAMES = ("", "None"), ("Aggregated", "Total")
"""The type and the name of the row about all requests."""
_KNOWN = {alias.casefold(): name for name, aliases in COLUMNS.items() for alias in aliases}
_PERCENTILE = re.compile(r"(\d{1,3}(?:[.,]\d{1,9})?) ?%?")  # 0.13 wrote 99.999 without the sign
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)  # the first line of some of Excel's files
_MAX_DIGITS = len(str(MOST)) - 1
"""The most digits of a count; every number with so many digits is less than MOST."""


@dataclass(frozen=True)
class Row:
    """One row of a table, whose cells are read by our names of the columns. Errors name its place."""

    table: Table
    line: int
    cells: Sequence[str]

    @property
    def is_total(self) -> bool:
        return self.text("type") in TOTAL_TYPES and self.text("name") in TOTAL_NAMES

    def text(self, column: str) -> str:
        return self.cells[self.table.columns[column]]

    def count(self, column: str) -> int:
        place = self.table.columns[column]
        text = self.cells[place].strip()
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
            raise self._wrong(place, "a whole number")
        return int(text)

    def number(self, column: str, what: str = "a number of ms") -> float | None:
        """None if the table has no such column, or if Locust didn't know the number."""
        place = self.table.columns.get(column)
        return None if place is None else self._number(place, what)

    def percentiles_ms(self) -> dict[float, float]:
        """The known ones, by their percentage."""
        found = ((percent, self._number(place, "a number of ms")) for percent, place in self.table.percentiles.items())
        return {percent: value for percent, value in found if value is not None}

    def _number(self, place: int, what: str) -> float | None:
        text = self.cells[place].strip()
        if text in ("", "N/A"):
            return None
        try:
            value = float(text.replace(",", ".") if self.table.separator != "," else text)
        except ValueError:
            value = math.nan
        if not 0 <= value < MOST:
            raise self._wrong(place, what)
        return value

    def _wrong(self, place: int, allowed: str) -> NoDataError:
        text = shorten(self.cells[place], 80)
        return NoDataError(f"{self.table.file}:{self.line}: {self.table.header[place]}: {text!r} is not {allowed}")


@dataclass(frozen=True)
class Table:
    file: Path
    separator: str
    header: Sequence[str]
    columns: Mapping[str, int]
    """The place of each column, by our name."""
    percentiles: Mapping[float, int]
    """The place of each percentile's column, by its percentage."""
    lines: Sequence[tuple[int, Sequence[str]]]
    """The cells of each row, with the number of its line."""

    @property
    def rows(self) -> list[Row]:
        """Raises NoDataError for a row that lacks cells."""
        width = len(self.header)
        for line, cells in self.lines:
            if len(cells) < width or any(cells[width:]):
                raise NoDataError(f"{self.file}:{line}: not as many cells as columns")
        return [Row(self, line, cells) for line, cells in self.lines]


def read_table(file: Path) -> Table:
    """Any CSV file as a table. Raises NoDataError for a file that is missing, empty or not CSV."""
    text = _text(file)
    if kind := not_a_table(file, text):
        raise NoDataError(kind)
    try:
        separator, lines = _lines(text)
    except csv.Error as error:
        raise NoDataError(f"{file}: not a CSV file: {error}") from error
    if not lines:
        raise NoDataError(f"{file}: empty; Locust writes it once a second, so the run may have ended too soon")
    header = [name.strip() for name in lines[0][1]]
    return Table(file, separator, header, _columns(header), _percentiles(header), lines[1:])


def _text(file: Path) -> str:
    try:
        return files.read(file)
    except FileNotFoundError:
        raise NoDataError(f"{file}: there is no such run directory or file") from None
    except OSError as error:
        remedy = ": save it as CSV UTF-8" if error.errno == errno.EILSEQ else ""
        raise NoDataError(f"{file}: can't be read: {error.strerror}{remedy}") from error


def _lines(text: str) -> tuple[str, list[tuple[int, list[str]]]]:
    """The separator, and the cells of each line that has any. Raises csv.Error."""
    told = _SEPARATOR_LINE.match(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=told[1] if told else _separator(text), strict=True)
    lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    return reader.dialect.delimiter, lines[1:] if told else lines


def _separator(text: str) -> str:
    """The separator that makes the most known columns of the first line, or else the most columns."""
    line = text.lstrip("\r\n").partition("\n")[0].partition("\r")[0]

    def columns(separator: str) -> tuple[int, int]:
        names = next(csv.reader([line], delimiter=separator), [])
        return len(_columns(names)) + len(_percentiles(names)), len(names)

    return max((",", ";", "\t"), key=columns)


def _columns(header: Sequence[str]) -> dict[str, int]:
    named = {place: _KNOWN.get(name.strip().casefold()) for place, name in enumerate(header)}
    return {name: place for place, name in reversed(named.items()) if name is not None}


def _percentiles(header: Sequence[str]) -> dict[float, int]:
    found = {place: _PERCENTILE.fullmatch(name.strip()) for place, name in enumerate(header)}
    shares = {place: float(match[1].replace(",", ".")) for place, match in found.items() if match}
    return {percent: place for place, percent in shares.items() if 0 < percent <= 100}


@dataclass(frozen=True)
class StatsRow:
    """What Locust's summary says about the requests of one type and name. None means unknown."""

    type: str
    name: str
    requests: int
    failures: int
    median_ms: float | None
    mean_ms: float | None
    max_ms: float | None
    percentiles_ms: Mapping[float, float]
    """By percentage; without those that Locust didn't know."""


def read_stats(file: Path) -> list[StatsRow]:
    """The rows of Locust's summary that have requests, without the total. Its percentiles are whole milliseconds.

    Raises NoDataError for a file that is missing, empty, without requests, or something else, which it names.
    """
    table = read_table(file)
    if "timestamp" in table.columns or any(name not in table.columns for name in SUMMARY_COLUMNS):
        missing = [COLUMNS[name][0] for name in SUMMARY_COLUMNS if name not in table.columns]
        raise NoDataError(not_a_summary(file, table.header, table.columns, table.percentiles, missing))
    found = [_stats(row) for row in table.rows if not row.is_total and row.count("requests") > 0]
    if not found:
        raise NoDataError(f"{file}: holds no request")
    return found


def _stats(row: Row) -> StatsRow:
    return StatsRow(
        type=row.text("type"),
        name=row.text("name"),
        requests=row.count("requests"),
        failures=row.count("failures"),
        median_ms=row.number("median_ms"),
        mean_ms=row.number("mean_ms"),
        max_ms=row.number("max_ms"),
        percentiles_ms=row.percentiles_ms(),
    )


@dataclass(frozen=True)
class Moment:
    """What Locust's history says about all requests at one time. None means unknown."""

    unix_s: float
    users: float | None
    requests_per_s: float | None
    failures_per_s: float | None
    median_ms: float | None
    p95_ms: float | None


def read_history(file: Path) -> list[Moment]:
    """Locust's history, in order of time. Raises NoDataError for a file that is missing or something else."""
    table = read_table(file)
    if missing := [COLUMNS[name][0] for name in ("timestamp", "type", "name") if name not in table.columns]:
        raise NoDataError(f"{file}: not a history of Locust: it has no column {missing[0]!r}")
    found = (_moment(row) for row in table.rows if row.is_total)
    return sorted((moment for moment in found if moment is not None), key=lambda moment: moment.unix_s)


def _moment(row: Row) -> Moment | None:
    unix_s = row.number("timestamp", "a time in Unix seconds")
    if unix_s is None:
        return None
    percentiles = row.percentiles_ms()
    return Moment(
        unix_s=unix_s,
        users=row.number("users", "a number"),
        requests_per_s=row.number("requests_per_s", "a number"),
        failures_per_s=row.number("failures_per_s", "a number"),
        median_ms=percentiles.get(50.0),
        p95_ms=percentiles.get(95.0),
    )
