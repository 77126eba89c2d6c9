"""The rows of the list of runs."""

from __future__ import annotations

import time
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fanout.analysis.gate_results import judge
from fanout.errors import MAX_LINE, NoDataError
from fanout.json_object import JsonObject
from fanout.runs.info import read_run_info
from fanout.runs.reader import Run, read_run
from fanout.runs.schema import RunInfo
from fanout.runs.writer import RUN_FILE
from fanout.scenario import MAX_NAME
from fanout.text import shorten
from fanout.web.analysis_process._runs import RunVerdict, is_large, row_of, verdict_of

MOST_KEPT = 10_000
"""Rows that are kept. Each takes about 1 kB."""


@dataclass(frozen=True)
class RunRow:
    """What a list shows of a run. None means unknown."""

    name: str
    when: str | None = None
    """When it was started, in local time."""
    agents: int | None = None
    questions: int | None = None
    failed: int | None = None
    """Questions without an answer."""
    mean_ms: float | None = None
    p95_ms: float | None = None
    verdict: RunVerdict | None = None
    cause: str | None = None
    """The phase that holds most of the time, with its share."""
    problem: str | None = None
    """Why the run can't be read or compared."""
    users: int | None = None
    """Coordinators."""
    changes: Mapping[str, str] = field(default_factory=dict)
    """What was set in the form of the web UI."""


class Overview:
    """Makes the rows, and keeps them until run.json changes, which is written when a run begins and when it ends."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, tuple[tuple[int, int], JsonObject]] = OrderedDict()

    def row(self, directory: Path) -> JsonObject:
        """The row of a run. A run that can't be read has a row with its problem."""
        version = _version_of(directory)
        kept = self._kept.pop(directory, None)
        row = kept[1] if kept is not None and kept[0] == version else asdict(_row(directory))
        if version is not None:
            self._kept[directory] = version, row
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return row


def _version_of(directory: Path) -> tuple[int, int] | None:
    try:
        found = (directory / RUN_FILE).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _row(directory: Path) -> RunRow:
    try:
        if is_large(directory):
            return _from_info(directory, read_run_info(directory))
        return _from_run(read_run(directory))
    except NoDataError as error:
        return _unreadable(directory, error)
    except Exception as error:  # noqa: BLE001 (one run must not hide the others)
        traceback.print_exc()
        return RunRow(directory.name, problem=f"internal error: {type(error).__name__}: {error}")


def _from_run(run: Run) -> RunRow:
    row = row_of(run, advised=False)
    summary = row.summary
    return RunRow(
        name=run.name,
        when=_when(run.info),
        agents=summary.agents,
        questions=summary.questions,
        failed=summary.unanswered,
        mean_ms=summary.mean_ms,
        p95_ms=summary.p95_ms,
        verdict=verdict_of(judge([row])),
        cause=None if summary.cause is None else summary.cause_in_words,
        **_start_of(run.info),
    )


def _from_info(directory: Path, info: RunInfo) -> RunRow:
    """The row of a run whose questions aren't read."""
    counts = info.questions
    asked, failed = _total(counts.ok, counts.failed, counts.abandoned), _total(counts.failed, counts.abandoned)
    return RunRow(
        name=shorten(info.scenario or directory.name, MAX_NAME),
        when=_when(info),
        agents=len(info.agents) or None,
        questions=asked,
        failed=failed,
        **_start_of(info),
    )


def _start_of(info: RunInfo) -> dict[str, Any]:
    return {"users": len(info.coordinators) or None, "changes": {} if info.form is None else dict(info.form.settings)}


def _total(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _unreadable(directory: Path, error: NoDataError) -> RunRow:
    try:
        info = read_run_info(directory)
    except NoDataError:
        return RunRow(directory.name, problem=str(error))
    why = "; ".join(info.problems or ()) if info.ended_by == "not_started" else ""
    return replace(_from_info(directory, info), problem=shorten(why, MAX_LINE) or str(error))


def _when(info: RunInfo) -> str | None:
    try:
        return None if info.started is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(info.started))
    except (OverflowError, OSError, ValueError):  # a year that no calendar has
        return None
