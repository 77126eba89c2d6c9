"""Renders a report for spreadsheets: its first table, with values unrounded and unknown ones empty."""

from __future__ import annotations

import csv
import io

from fanout.report._report import Report
from fanout.text import data_text, is_formula, printable


def render(report: Report) -> str:
    table = report.tables[0]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([written(column.key) for column in table.columns])
    for row in table.rows:
        writer.writerow([written(column.value(row)) for column in table.columns])
    return text.getvalue()


def written(value: object) -> str:
    """A value as it is written to the file."""
    text = data_text(value)
    # A name may come from anyone. The apostrophe keeps a spreadsheet from taking it for a formula.
    return f"'{printable(text)}" if is_formula(text) else printable(text)
