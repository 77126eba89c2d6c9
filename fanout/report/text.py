"""Renders a report for a terminal."""

from __future__ import annotations

import io

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from fanout.analysis.gate_results import summary_sentences
from fanout.analysis.row_advice import RowAdvice
from fanout.report._report import Report, Table
from fanout.text import printable

WIDTH = 10_000
"""More than any line has, so that nothing is cut; a narrow terminal wraps the lines."""


def render(report: Report) -> str:
    parts = [_table(table) for table in report.tables]
    if report.notes:
        parts.append("\n".join(f"note: {printable(text)}" for text in report.notes))
    if report.advice:
        parts.append("\n".join(line for said in report.advice for line in _advice(said)))
    if report.gates:
        parts.append(printable(summary_sentences(report.gates)[0]))
    if report.takeaways:
        numbered = (f"{number}. {printable(text)}" for number, text in enumerate(report.takeaways, 1))
        parts.append("\n".join(["What to remember:", *numbered]))
    if report.next_steps:
        parts.append("\n".join(["Next:", *(f"  {printable(text)}" for text in report.next_steps)]))
    return "\n\n".join(parts) + "\n"


def _advice(said: RowAdvice) -> list[str]:
    text, *changes = map(printable, said.lines)
    return [f"advice: {text}", *(f"        {change}" for change in changes)]


def _table(table: Table) -> str:
    grid = RichTable(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for column in table.for_people:
        grid.add_column(Text(printable(column.title)), justify="left" if column.left else "right", no_wrap=True)
    for row in table.rows:
        grid.add_row(*(Text(printable(column.text(row))) for column in table.for_people))
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    with console.capture() as capture:
        console.print(grid)
    lines = "\n".join(line.rstrip() for line in capture.get().splitlines()).strip("\n")
    return "\n\n".join(filter(None, [printable(table.title), lines, printable(table.legend)]))
