"""Draws charts as SVG: those of a report's rows, and two general ones of plain data.

_style.py     colours, dashes, markers and Matplotlib's settings
_svg.py       from a figure to SVG, in a page or as a file
_marks.py     many marks at once, and logarithmic axes
_latency.py   rows: how the adapter latency is distributed, and when it was slow
_where.py     rows: where the mean goes
_run.py       one run, question by question
_lines.py     lines along a parameter
_dots.py      dots on a logarithmic axis
_history.py   Locust's history of a run
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fanout.analysis.compare import Row
from fanout.report._report import Chart
from fanout.report.charts._dots import Dot, dots_chart
from fanout.report.charts._history import history_chart
from fanout.report.charts._latency import distribution, over_time, runs_of
from fanout.report.charts._lines import Line, Panel, ParameterAxis, Point, lines_chart
from fanout.report.charts._run import connections, timeline
from fanout.report.charts._svg import inline, standalone
from fanout.report.charts._where import where

__all__ = [
    "Dot",
    "Line",
    "Panel",
    "ParameterAxis",
    "Point",
    "RunCharts",
    "dots_chart",
    "history_chart",
    "inline",
    "lines_chart",
    "of_rows",
    "of_runs",
    "standalone",
]

RUNS = 12
"""The most rows whose first run is drawn question by question."""


@dataclass(frozen=True)
class RunCharts:
    label: str
    """The label of the row."""
    source: str
    """Which of the row's runs it is."""
    charts: tuple[Chart, ...]


def of_rows(rows: Sequence[Row]) -> list[Chart]:
    """Charts that compare the rows, without rows whose single questions are unknown."""
    known = [row for row in rows if runs_of(row)]
    charts = (chart(known) for chart in (distribution, where, over_time))
    return [chart for chart in charts if chart is not None]


def of_runs(rows: Sequence[Row]) -> list[RunCharts]:
    """The first run of each of the first rows, question by question."""
    return [_of_first_run(row) for row in [row for row in rows if runs_of(row)][:RUNS]]


def _of_first_run(row: Row) -> RunCharts:
    run = runs_of(row)[0]
    charts = (chart(run) for chart in (timeline, connections))
    source = str(run.directory) if row.runs == 1 else f"the first of {row.runs} runs, {run.directory}"
    return RunCharts(row.label, source, tuple(chart for chart in charts if chart is not None))
