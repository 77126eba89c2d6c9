"""Renders a report for programs: values are unrounded, unknown ones null."""

from __future__ import annotations

import json

from fanout.report._comparison import GATES
from fanout.report._report import Report, Table

SCHEMA = 1


def render(report: Report) -> str:
    whole = {
        "schema": SCHEMA,
        "rows": report.tables[0].records,
        "gates": Table(GATES, report.gates).records,
        "notes": list(report.notes),
        "advice": [said.to_json() for said in report.advice],
        "takeaways": list(report.takeaways),
    }
    return json.dumps(whole, indent=2) + "\n"
