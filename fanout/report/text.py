"""For a terminal."""

from __future__ import annotations

import io

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from fanout.report._table import COLUMNS, Table

WIDTH = 10_000
"""Never reached: nothing is cut, and a terminal that is too narrow wraps whole lines."""


def render(table: Table) -> str:
    grid = RichTable(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for index, column in enumerate(COLUMNS):
        grid.add_column(column.title, justify="left" if index == 0 else "right", no_wrap=True)
    for row in table.rows:
        grid.add_row(*(Text(column.text(row)) for column in COLUMNS))
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    with console.capture() as capture:
        console.print(grid)
    lines = "\n".join(line.rstrip() for line in capture.get().splitlines()).strip("\n").splitlines()
    return "\n".join([*lines, "", *(f"note: {note}" for note in table.notes)]).rstrip("\n") + "\n"
