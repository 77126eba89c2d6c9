"""For a program: values unrounded, unknown ones null."""

from __future__ import annotations

import json

from fanout.report._table import COLUMNS, Table

SCHEMA = 1


def render(table: Table) -> str:
    rows = [
        {
            **{column.key: column.value(row) for column in COLUMNS},
            "baseline": row.baseline.label if row.baseline else None,
            "source": row.summary.source,
        }
        for row in table.rows
    ]
    return json.dumps({"schema": SCHEMA, "rows": rows, "notes": list(table.notes)}, indent=2) + "\n"
