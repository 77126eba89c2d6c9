"""The content of a report, which every format receives: tables with named columns, sentences and charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fanout.analysis.compare import Row
from fanout.analysis.gate_results import Judgement, reportable
from fanout.analysis.row_advice import RowAdvice

UNKNOWN = "–"
"""Stands for an unknown value in texts for people."""

Value = str | int | float | bool | None


def readable(value: object, decimals: int | None = None) -> str:
    """A value for people: `yes`, `no`, or a number with so many decimals; – means unknown."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.{decimals}f}" if isinstance(value, float) and decimals is not None else str(value)


@dataclass(frozen=True)
class Column:
    key: str
    """The name for machines, in CSV and JSON, with its unit."""
    title: str
    """The name for people; empty for a column that only machines read."""
    value: Callable[[Any], Value]
    """Takes the value from a row."""
    decimals: int = 0
    shown: Callable[[Any], str] | None = None
    """Formats the value of a row for people; None for the plain value."""
    left: bool = False

    def within(self, row_of: Callable[[Any], Any]) -> Column:
        """The same column for a table of other rows. `row_of` takes this column's row from one; None means unknown."""

        def value(outer: object) -> Value:
            row = row_of(outer)
            return None if row is None else self.value(row)

        def shown(outer: object) -> str:
            row = row_of(outer)
            return UNKNOWN if row is None else self.text(row)

        return replace(self, value=value, shown=shown)

    def text(self, row: object) -> str:
        """The value for people; – means unknown."""
        if self.shown is not None:
            return self.shown(row)
        return readable(self.value(row), self.decimals)


@dataclass(frozen=True)
class TableCell:
    text: str
    left: bool


@dataclass(frozen=True)
class Grid:
    """A table for people."""

    title: str
    header: tuple[TableCell, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    legend: str


@dataclass(frozen=True)
class Table:
    columns: Sequence[Column]
    rows: Sequence[Any]
    title: str = ""
    legend: str = ""
    """An explanation of the cells, shown below the table."""

    @property
    def records(self) -> list[dict[str, Value]]:
        """The rows for machines."""
        return [{column.key: column.value(row) for column in self.columns} for row in self.rows]

    @property
    def for_people(self) -> list[Column]:
        return [column for column in self.columns if column.title]

    @property
    def grid(self) -> Grid:
        """The texts for people."""
        columns = self.for_people
        return Grid(
            self.title,
            tuple(TableCell(column.title, column.left) for column in columns),
            tuple(tuple(TableCell(column.text(row), column.left) for column in columns) for row in self.rows),
            self.legend,
        )


@dataclass(frozen=True)
class Key:
    """One entry of a chart's legend."""

    label: str
    colour: str
    """Empty for a pale text colour."""
    dash: str = "solid"
    """The line style, by its name in CSS."""


@dataclass(frozen=True)
class Chart:
    """A chart that fanout.report.charts has drawn, and can put into a page or a file."""

    title: str
    text: str
    """The figures of the chart in words, for people who can't see it."""
    svg: str
    """The drawing, on a transparent background, with INK as the text colour."""
    caption: str = ""
    """How to read it, and what was left out."""
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Report:
    """Machines read the first table; the others show parts of it in other ways."""

    tables: Sequence[Table]
    verdicts: Sequence[str] = ()
    """The conclusions, one sentence each, the most important first."""
    gates: tuple[Judgement, ...] = ()
    rows: Sequence[Row] = ()
    """The rows of the comparison, for formats that show single questions."""
    charts: Sequence[Chart] = ()
    """Charts in addition to those of the rows."""
    notes: Sequence[str] = ()
    """What limits the figures of the rows."""
    advice: Sequence[RowAdvice] = ()
    """What took the time or the questions, and what to change."""
    takeaways: Sequence[str] = ()
    """The sentences to remember, for a report that explains something."""
    next_steps: Sequence[str] = ()
    """Commands to try next, each with its purpose."""

    @property
    def passed(self) -> bool | None:
        """Whether all gates passed; None if all gates are implied and passed."""
        shown = reportable(self.gates)
        return all(judgement.passed for judgement in shown) if shown else None
