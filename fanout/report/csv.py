"""For a spreadsheet: one line a row, values unrounded, unknown ones empty; notes and advice are left to the others."""

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
    """A value as a line of the file has it."""
    text = data_text(value)
    # An apostrophe before it keeps a spreadsheet from taking a name, which may be anybody's, for a formula.
    return f"'{printable(text)}" if is_formula(text) else printable(text)
