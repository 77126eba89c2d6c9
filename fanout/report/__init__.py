"""Renders reports. To add a format, add a file of that name here, with a function `render(report)`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import cast

from fanout.report._comparison import (
    COLUMNS,
    cause_legend,
    column,
    comparison,
    comparison_of,
    phases_table,
    with_gates,
)
from fanout.report._report import Chart, Column, Grid, Key, Report, Table, TableCell, Value

__all__ = [
    "COLUMNS",
    "Chart",
    "Column",
    "Grid",
    "Key",
    "Report",
    "Table",
    "TableCell",
    "Value",
    "cause_legend",
    "column",
    "comparison",
    "comparison_of",
    "formats",
    "phases_table",
    "render",
    "with_gates",
]


@cache
def formats() -> tuple[str, ...]:
    """The names of the formats, sorted."""
    files = [found.name for found in pkgutil.iter_modules(__path__) if not found.ispkg]
    return tuple(sorted(name for name in files if not name.startswith("_")))


def render(report: Report, format_name: str) -> str:
    """The report in one of the formats, with a newline at its end."""
    return cast(str, importlib.import_module(f"{__name__}.{format_name}").render(report))
