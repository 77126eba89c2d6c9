"""Adds the histories of Locust's reports to a report, as charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fanout.cli._comparisons import with_notes
from fanout.errors import NoDataError
from fanout.report import Chart, Report
from fanout.runs.locust_csv import read_history
from fanout.runs.locust_reports import history_of
from fanout.text import listed

MOST = 12
"""The most histories that are drawn."""


def with_histories(report: Report, places: Sequence[Path]) -> Report:
    """The report with the history beside each of these places that is a report of Locust and has one."""
    from fanout.report.charts import history_chart  # noqa: PLC0415 (imports Matplotlib, which takes a second)

    histories = [history for place in places if (history := history_of(place)) is not None]
    charts: list[Chart] = []
    notes = []
    for history in histories[:MOST]:
        try:
            chart = history_chart(str(history), read_history(history))
        except NoDataError as error:
            notes.append(f"a history is not drawn: {error}")
        else:
            charts += [chart] if chart else []
    if left_out := histories[MOST:]:
        notes.append(f"only the first {MOST} histories are drawn, without {listed(left_out)}: name fewer reports")
    return with_notes(replace(report, charts=[*report.charts, *charts]), notes)
