"""Reads what can be compared: run directories, and Locust's own `_stats.csv` files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from fanout import files
from fanout.analysis.run_summary import summarize
from fanout.analysis.summary import Summary
from fanout.errors import NoDataError
from fanout.outcome import MOST
from fanout.runs.reader import read_run
from fanout.runs.writer import QUESTIONS_FILE, RUN_FILE
from fanout.text import shorten

NO_TIMES = "no latency is known: have the agents send Server-Timing: service;dur=MS"
_MAX_DIGITS = len(str(MOST)) - 1
"""The most digits of a count; every number with so many digits is less than MOST."""
_LOCUST_COLUMNS = (
    "Type",
    "Name",
    "Request Count",
    "Failure Count",
    "Median Response Time",
    "Average Response Time",
    "Max Response Time",
    "95%",
)


def read_source(path: Path) -> list[Summary]:
    """One summary for a run directory, or one for each run in a directory of them, or for each name in a Locust file.

    Raises NoDataError.
    """
    if path.name in (QUESTIONS_FILE, RUN_FILE):
        path = path.parent
    if not path.is_dir():
        return read_locust_stats(path)
    within = [] if (path / RUN_FILE).exists() else sorted(file.parent for file in path.glob(f"*/{RUN_FILE}"))
    return [summarize(read_run(directory)) for directory in within or [path]]


def read_locust_stats(file: Path) -> list[Summary]:
    """The rows of Locust's `_stats.csv`, without the total. Its percentiles are whole milliseconds.

    Raises NoDataError for a file that is missing, empty, without requests, or not a `_stats.csv`.
    """
    try:
        reader = csv.DictReader(io.StringIO(files.read(file), newline=""), strict=True)
        rows = [(reader.line_num, row) for row in reader]
        columns = reader.fieldnames
    except FileNotFoundError:
        raise NoDataError(f"{file}: there is no such run directory or file") from None
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}") from error
    except csv.Error as error:
        raise NoDataError(f"{file}: not a CSV file: {error}") from error
    if not columns:
        raise NoDataError(f"{file}: empty; Locust writes it once a second, so the run may have ended too soon")
    if missing := [name for name in _LOCUST_COLUMNS if name not in columns]:
        raise NoDataError(f"{file}: not a _stats.csv of Locust: it has no column {missing[0]!r}")
    summaries = [
        _summary(file, number, row)
        for number, row in rows
        if _whole(file, number, row)["Name"] != "Aggregated" and _count(file, number, row, "Request Count") > 0
    ]
    if not summaries:
        raise NoDataError(f"{file}: holds no request")
    return summaries


def _whole(file: Path, line: int, row: Mapping[str | None, Any]) -> Mapping[str, str]:
    """The row, if it has as many cells as there are columns. Raises NoDataError."""
    if None in row or None in row.values():
        raise NoDataError(f"{file}:{line}: not as many cells as columns")
    return cast(Mapping[str, str], row)


def _summary(file: Path, line: int, row: Mapping[str, str]) -> Summary:
    summary = Summary(
        name=row["Name"],
        source=str(file),
        protocol=row["Type"] or None,
        agents=None,
        questions=_count(file, line, row, "Request Count"),
        failed=_count(file, line, row, "Failure Count"),
    )
    if _ms(file, line, row, "Max Response Time") == 0:  # Locust writes 0 if no response time was known
        return replace(summary, problems=(NO_TIMES,))
    if summary.failed:
        mixed = "Locust's latencies include failed requests: compare run directories to leave them out"
        summary = replace(summary, problems=(mixed,))
    return replace(
        summary,
        mean_ms=_ms(file, line, row, "Average Response Time"),
        p50_ms=_ms(file, line, row, "Median Response Time"),
        p95_ms=_ms(file, line, row, "95%"),
        max_ms=_ms(file, line, row, "Max Response Time"),
    )


def _count(file: Path, line: int, row: Mapping[str, str], column: str) -> int:
    text = row[column]
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise NoDataError(f"{file}:{line}: {column}: {shorten(text, 80)!r} is not a whole number")
    return int(text)


def _ms(file: Path, line: int, row: Mapping[str, str], column: str) -> float | None:
    text = row[column]
    try:
        value = None if text == "N/A" else float(text)
    except ValueError:
        value = math.nan
    if value is None or 0 <= value < MOST:
        return value
    raise NoDataError(f"{file}:{line}: {column}: {shorten(text, 80)!r} is not a number of ms")
