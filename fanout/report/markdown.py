"""Renders a report as Markdown, for a README or a pull request."""

from __future__ import annotations

from fanout.analysis.row_advice import RowAdvice
from fanout.report._report import Report, Table
from fanout.text import printable


def render(report: Report) -> str:
    first, *others = [_escaped(sentence) for sentence in report.verdicts] or [""]
    parts = [f"**{first}**"] if first else []
    parts += ["\n".join(f"- {sentence}" for sentence in others)] if others else []
    parts += [_table(table) for table in report.tables]
    parts += ["\n".join(f"- {_escaped(text)}" for text in report.notes)] if report.notes else []
    parts += ["\n".join(_advice(said) for said in report.advice)] if report.advice else []
    parts += (
        ["\n".join(f"{n}. {_escaped(text)}" for n, text in enumerate(report.takeaways, 1))] if report.takeaways else []
    )
    parts += ["\n".join(f"    {printable(text)}" for text in report.next_steps)] if report.next_steps else []
    return "\n\n".join(parts) + "\n"


def _advice(said: RowAdvice) -> str:
    text, *changes = map(_escaped, said.lines)
    return "\n".join([f"- {text}", *(f"    - {change}" for change in changes)])


def _table(table: Table) -> str:
    columns = table.for_people
    title = [_escaped(table.title), ""] if table.title else []
    legend = ["", _escaped(table.legend)] if table.legend else []
    return "\n".join(
        [
            *title,
            _line([_escaped(column.title) for column in columns]),
            _line(["---" if column.left else "---:" for column in columns]),
            *(_line([_escaped(column.text(row)) for column in columns]) for row in table.rows),
            *legend,
        ]
    )


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """The text on one line, with the special characters of Markdown and HTML escaped."""
    for special in "\\`*_[]<>|~&#$":
        text = text.replace(special, f"\\{special}")
    return printable(text)
