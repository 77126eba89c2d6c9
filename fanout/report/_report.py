"""What every format is given: tables of rows with named columns, and what is to be said below them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

Value = str | int | float | bool | None


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
        """The same column in a table whose rows have such a row in them."""
        return replace(
            self, value=lambda outer: self.value(row_of(outer)), shown=lambda outer: self.text(row_of(outer))
        )

    def text(self, row: object) -> str:
        """The value as people read it; – where it isn't known."""
        if self.shown is not None:
            return self.shown(row)
        value = self.value(row)
        if value is None:
            return "–"
        return f"{value:.{self.decimals}f}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Table:
    columns: Sequence[Column]
    rows: Sequence[Any]
    title: str = ""

    @property
    def for_people(self) -> list[Column]:
        return [column for column in self.columns if column.title]


@dataclass(frozen=True)
class Report:
    """The first table is the one that machines read; the others show parts of it in another way."""

    tables: Sequence[Table]
    notes: Sequence[str] = ()
    """What a reader has to know before believing the rows."""
    advice: Sequence[str] = ()
    """What held the time, and what to change."""
