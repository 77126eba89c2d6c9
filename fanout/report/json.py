"""For a program: values unrounded, unknown ones null."""

from __future__ import annotations

import json

from fanout.report._report import Report

SCHEMA = 1


def render(report: Report) -> str:
    table = report.tables[0]
    rows = [{column.key: column.value(row) for column in table.columns} for row in table.rows]
    whole = {"schema": SCHEMA, "rows": rows, "notes": list(report.notes), "advice": list(report.advice)}
    return json.dumps(whole, indent=2) + "\n"
