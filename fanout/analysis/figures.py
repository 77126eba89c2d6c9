"""How a figure of a run is declared: once, with its field in fanout.analysis.summary.Summary.

The declaration says what several runs of one configuration come to, how the figure is counted from the questions, and
how tables show it. Pure functions on frozen objects.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

import polars as pl

OverRuns = Callable[[Sequence[Any]], Any]
"""Makes one value of those of several runs, in the order of their repeats."""
_DECLARED = "figure"


@dataclass(frozen=True)
class Figure:
    """The declaration of one field of a summary."""

    name: str
    over_runs: OverRuns
    of: pl.Expr | None = None
    """What it is of the questions whose adapter latency is known; None for one that isn't such a statistic."""
    key: str = ""
    """Its name in CSV and JSON, with its unit; empty for one that isn't in the table of a comparison."""
    title: str = ""
    """Its name for people; empty for one that only machines read."""
    decimals: int = 0
    is_compared: bool = False
    """Whether it is divided by the baseline's."""
    value: Callable[[Any], Any] | None = None
    """What the table has of a summary, where that isn't the field itself."""

    def of_summary(self, summary: object) -> Any:  # noqa: ANN401
        """What the table has."""
        return getattr(summary, self.name) if self.value is None else self.value(summary)


def figure(over_runs: OverRuns, *, default: Any = MISSING, **declared: Any) -> Any:  # noqa: ANN401
    """A field and its declaration, whose arguments are those of Figure."""
    return field(default=default, metadata={_DECLARED: {"over_runs": over_runs, **declared}})


def figures_of(summary: type) -> dict[str, Figure]:
    """The declarations of a class, by their names. Raises KeyError for a field without one."""
    declared: Sequence[Field[Any]] = [each for each in fields(summary) if each.compare]
    return {each.name: Figure(each.name, **each.metadata[_DECLARED]) for each in declared}


def first(values: Sequence[Any]) -> Any:  # noqa: ANN401
    """For what is the same of all of them."""
    return values[0]


def total(values: Sequence[int | None]) -> int | None:
    """None where one of them isn't known."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def mean(values: Sequence[float | None]) -> float | None:
    """None where one of them isn't known: a mean of the others would be of other runs."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def largest(values: Sequence[float | None]) -> float | None:
    """Of those that are known."""
    return max((value for value in values if value is not None), default=None)


def mean_of_each(values: Sequence[Mapping[Any, float] | None]) -> dict[Any, float] | None:
    """The mean of each key; None where one of the mappings isn't known."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return {key: sum(value[key] for value in known) / len(known) for key in known[0]}


def common_folder(paths: Sequence[str]) -> str:
    return os.path.commonpath(paths)


def each_once(texts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What is said of the runs, each with of how many."""
    counted = Counter(text for said in texts for text in dict.fromkeys(said))
    return tuple(
        text if count == len(texts) else f"in {count} of {len(texts)} runs: {text}" for text, count in counted.items()
    )
