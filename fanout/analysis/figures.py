"""Declares the figures of a run, each once, at its field in fanout.analysis.summary.Summary.

A declaration says how several runs of one configuration are combined, how the figure is calculated from the questions,
and how tables show it. Pure functions on frozen objects.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

import polars as pl

OverRuns = Callable[[Sequence[Any]], Any]
"""Combines the values of several runs, in the order of their repeats."""
_DECLARED = "figure"


@dataclass(frozen=True)
class Figure:
    """The declaration of one field of a summary."""

    name: str
    over_runs: OverRuns
    of: pl.Expr | None = None
    """How it is calculated from the questions whose adapter latency is known; None for other figures."""
    key: str = ""
    """The name in CSV and JSON, with its unit; empty for a figure that the table of a comparison doesn't have."""
    title: str = ""
    """The name for people; empty for a figure that only machines read."""
    decimals: int = 0
    is_compared: bool = False
    """Whether it is divided by the figure of the baseline."""
    value: Callable[[Any], Any] | None = None
    """Calculates the table's value from a summary, where that isn't the field itself."""

    def of_summary(self, summary: object) -> Any:  # noqa: ANN401
        """The value that the table shows."""
        return getattr(summary, self.name) if self.value is None else self.value(summary)


def figure(over_runs: OverRuns, *, default: Any = MISSING, **declared: Any) -> Any:  # noqa: ANN401
    """A field with its declaration; `declared` are arguments of Figure."""
    return field(default=default, metadata={_DECLARED: {"over_runs": over_runs, **declared}})


def figures_of(summary: type) -> dict[str, Figure]:
    """The declarations of a class, by field name. Raises KeyError for a field without a declaration."""
    declared: Sequence[Field[Any]] = [each for each in fields(summary) if each.compare]
    return {each.name: Figure(each.name, **each.metadata[_DECLARED]) for each in declared}


def first(values: Sequence[Any]) -> Any:  # noqa: ANN401
    """For figures that are the same in all runs."""
    return values[0]


def total(values: Sequence[int | None]) -> int | None:
    """None if one of them is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def mean(values: Sequence[float | None]) -> float | None:
    """None if one of them is unknown, since a mean of the others would describe other runs."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def largest(values: Sequence[float | None]) -> float | None:
    """The largest known value."""
    return max((value for value in values if value is not None), default=None)


def mean_of_each(values: Sequence[Mapping[Any, float] | None]) -> dict[Any, float] | None:
    """The mean of each key that all of the mappings have; None if one of the mappings is unknown."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    common = [key for key in known[0] if all(key in value for value in known)]
    return {key: sum(value[key] for value in known) / len(known) for key in common}


def common_folder(paths: Sequence[str]) -> str:
    """The deepest folder above all paths; absolute if they are not all relative."""
    places = list(map(Path, paths))
    if len({place.is_absolute() for place in places}) > 1:
        places = [place.absolute() for place in places]
    return os.path.commonpath(places) or os.curdir


def each_once(texts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Each text once. One that isn't about all runs says about how many it is."""
    counted = Counter(text for said in texts for text in dict.fromkeys(said))
    return tuple(
        text if count == len(texts) else f"in {count} of {len(texts)} runs: {text}" for text, count in counted.items()
    )
