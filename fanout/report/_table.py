"""What every format shows: the columns, in order, and the notes below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fanout.compare import Row

Value = str | int | float | None


@dataclass(frozen=True)
class Table:
    rows: Sequence[Row]
    notes: Sequence[str]


@dataclass(frozen=True)
class Column:
    key: str
    """For machines: CSV's header and JSON's key, with its unit."""
    title: str
    """For people."""
    value: Callable[[Row], Value]
    decimals: int = 0

    def text(self, row: Row) -> str:
        """The value as people read it; – where it isn't known."""
        value = self.value(row)
        if value is None:
            return "–"
        return f"{value:.{self.decimals}f}" if isinstance(value, float) else str(value)


COLUMNS: tuple[Column, ...] = (
    Column("scenario", "scenario", lambda row: row.label),
    Column("agents", "agents", lambda row: row.summary.agents),
    Column("questions", "questions", lambda row: row.summary.questions),
    Column("failed", "failed", lambda row: row.summary.failed + row.summary.abandoned),
    Column("adapter_mean_ms", "mean ms", lambda row: row.summary.mean_ms, 2),
    Column("adapter_p50_ms", "p50 ms", lambda row: row.summary.p50_ms, 2),
    Column("adapter_p95_ms", "p95 ms", lambda row: row.summary.p95_ms, 2),
    Column("adapter_max_ms", "max ms", lambda row: row.summary.max_ms, 2),
    Column("over_100ms", ">100 ms", lambda row: row.summary.over_100ms),
    Column("connections_opened", "connections", lambda row: row.summary.connections),
    Column("questions_per_connection", "questions/conn.", lambda row: row.summary.questions_per_connection, 1),
    Column("mean_ratio", "× baseline", lambda row: row.ratio, 2),
)
