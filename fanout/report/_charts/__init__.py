"""The charts that are drawn of a report's rows, for a format that can show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fanout.analysis.compare import Row
from fanout.report._charts._latency import distribution, over_time, runs_of
from fanout.report._charts._run import connections, timeline
from fanout.report._charts._svg import Drawing, Key, inline
from fanout.report._charts._where import where

__all__ = ["RUNS", "Drawing", "Key", "RunCharts", "inline", "of_rows", "of_runs", "runs_of"]

RUNS = 12
"""So many rows' first runs are drawn question by question."""


@dataclass(frozen=True)
class RunCharts:
    label: str
    """The row's."""
    source: str
    """Which of its runs it is."""
    drawings: tuple[Drawing, ...]


def of_rows(rows: Sequence[Row]) -> list[Drawing]:
    """The rows side by side; rows whose runs aren't known question by question are in none of them."""
    known = [row for row in rows if runs_of(row)]
    drawings = (chart(known) for chart in (distribution, where, over_time))
    return [drawing for drawing in drawings if drawing is not None]


def of_runs(rows: Sequence[Row]) -> list[RunCharts]:
    """The first run of each of the first rows, question by question."""
    return [_of_first_run(row) for row in [row for row in rows if runs_of(row)][:RUNS]]


def _of_first_run(row: Row) -> RunCharts:
    run = runs_of(row)[0]
    drawings = (chart(run) for chart in (timeline, connections))
    source = str(run.directory) if row.runs == 1 else f"the first of {row.runs} runs, {run.directory}"
    return RunCharts(row.label, source, tuple(drawing for drawing in drawings if drawing is not None))
