"""For a program: values unrounded, unknown ones null."""

from __future__ import annotations

import json

from fanout.report._comparison import GATES
from fanout.report._report import Report, Value

SCHEMA = 1


def _gates(report: Report) -> list[dict[str, Value]]:
    return [{column.key: column.value(judgement) for column in GATES} for judgement in report.gates]


def render(report: Report) -> str:
    table = report.tables[0]
    rows = [{column.key: column.value(row) for column in table.columns} for row in table.rows]
    words = {"notes": list(report.notes), "advice": list(report.advice)}
    whole = {"schema": SCHEMA, "rows": rows, "gates": _gates(report), **words}
    return json.dumps(whole, indent=2) + "\n"
