"""What every format is given: tables of rows with named columns, and what is to be said below them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fanout.analysis.compare import Row
from fanout.analysis.gate_results import Judgement, worth_telling

UNKNOWN = "–"
"""How people read what isn't known."""

Value = str | int | float | bool | None


def readable(value: object, decimals: int | None = None) -> str:
    """A value as people read it: `yes`, `no`, a number with so many decimals; – where it isn't known."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.{decimals}f}" if isinstance(value, float) and decimals is not None else str(value)


@dataclass(frozen=True)
class Column:
    key: str
    """For machines: CSV's header and JSON's key, with its unit."""
    title: str
    """For people; empty for a column that only machines read."""
    value: Callable[[Any], Value]
    """Of a row."""
    decimals: int = 0
    shown: Callable[[Any], str] | None = None
    """How people read it, where that isn't the plain value."""
    left: bool = False

    def within(self, row_of: Callable[[Any], Any]) -> Column:
        """The same column in a table whose rows have such a row in them, or None: then it isn't known."""

        def value(outer: object) -> Value:
            row = row_of(outer)
            return None if row is None else self.value(row)

        def shown(outer: object) -> str:
            row = row_of(outer)
            return UNKNOWN if row is None else self.text(row)

        return replace(self, value=value, shown=shown)

    def text(self, row: object) -> str:
        """The value as people read it; – where it isn't known."""
        if self.shown is not None:
            return self.shown(row)
        return readable(self.value(row), self.decimals)


@dataclass(frozen=True)
class Table:
    columns: Sequence[Column]
    rows: Sequence[Any]
    title: str = ""
    legend: str = ""
    """What its cells mean, below it."""

    @property
    def records(self) -> list[dict[str, Value]]:
        """Its rows as machines read them."""
        return [{column.key: column.value(row) for column in self.columns} for row in self.rows]

    @property
    def for_people(self) -> list[Column]:
        return [column for column in self.columns if column.title]


@dataclass(frozen=True)
class Key:
    """What a colour stands for."""

    label: str
    colour: str
    """Empty for the ink's own, paler."""
    dash: str = "solid"
    """CSS's word for the line's style."""


@dataclass(frozen=True)
class Chart:
    """As fanout.report.charts draws it, which also knows how to show it."""

    title: str
    text: str
    """The figures that are to be seen there, for those who don't see them."""
    svg: str
    """On no ground, in a colour that stands for the ink."""
    caption: str = ""
    """How to read it, and what was left out."""
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Report:
    """The first table is the one that machines read; the others show parts of it in another way."""

    tables: Sequence[Table]
    verdicts: Sequence[str] = ()
    """What it comes to, in sentences; the first says the most."""
    gates: tuple[Judgement, ...] = ()
    rows: Sequence[Row] = ()
    """What it is of, for a format that looks at single questions."""
    charts: Sequence[Chart] = ()
    """Its own, besides those that are drawn of the rows."""
    notes: Sequence[str] = ()
    """What a reader has to know before believing the rows."""
    advice: Sequence[str] = ()
    """What held the time, and what to change."""
    takeaways: Sequence[str] = ()
    """The sentences to remember, for a report that explains something."""
    next_steps: Sequence[str] = ()
    """Commands to try next, each with what it is for."""

    @property
    def passed(self) -> bool | None:
        """Whether all gates did; None where nobody wrote one and what is taken for granted is so."""
        told = worth_telling(self.gates)
        return all(judgement.passed for judgement in told) if told else None
