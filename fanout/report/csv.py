"""For a spreadsheet: one line a row, values unrounded, unknown ones empty. The notes are in the other formats."""

from __future__ import annotations

import csv
import io

from fanout.report._table import COLUMNS, Table


def render(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(column.key for column in COLUMNS), "baseline", "source"])
    for row in table.rows:
        writer.writerow(
            [
                *(column.value(row) for column in COLUMNS),
                row.baseline.label if row.baseline else None,
                row.summary.source,
            ]
        )
    return text.getvalue()
