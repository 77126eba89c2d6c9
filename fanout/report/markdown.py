"""For a README or a pull request."""

from __future__ import annotations

from fanout.report._table import COLUMNS, Table


def render(table: Table) -> str:
    lines = [
        _line([column.title for column in COLUMNS]),
        _line(["---", *("---:" for _ in COLUMNS[1:])]),
        *(_line([_escaped(column.text(row)) for column in COLUMNS]) for row in table.rows),
    ]
    if table.notes:
        lines += ["", *(f"- {_escaped(note)}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """A cell's text, with what Markdown or HTML would take for its own made harmless."""
    for special in "\\`*_[]<>|":
        text = text.replace(special, f"\\{special}")
    return text.replace("\n", " ")
