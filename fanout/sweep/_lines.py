"""The lines of a sweep's chart, and what is to be seen there in words. Pure functions on frozen objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fanout.sweep._parameters import Parameter, text_of
from fanout.sweep._plan import Plan
from fanout.sweep._table import CombinationRow

Plotted = Literal["mean_ms", "cpu_ms"]
TITLES: dict[Plotted, str] = {"mean_ms": "adapter latency, mean ms", "cpu_ms": "coordinator's CPU, ms per question"}
DECADE = 10
MOST_LETTERS = 28


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    low: float
    """The smallest of the repeats."""
    high: float


@dataclass(frozen=True)
class Line:
    """One combination of the parameters that are not on the axis."""

    label: str
    points: tuple[Point, ...]
    reference: tuple[tuple[float, float], ...] = ()
    """x and y of the figures from elsewhere."""


@dataclass(frozen=True)
class Axis:
    """What the lines run along."""

    parameter: Parameter

    @property
    def ticks(self) -> list[tuple[float, str]]:
        return [(self.position(value), shortened(text_of(value))) for value in self.parameter.values]

    @property
    def logarithmic(self) -> bool:
        return self.parameter.numeric and spans_a_decade([x for x, _ in self.ticks])

    def position(self, value: object) -> float:
        """Where a value is: numbers at themselves, categories one after another."""
        if self.parameter.numeric and isinstance(value, int | float):
            return float(value)
        return float(list(map(text_of, self.parameter.values)).index(text_of(value)))


def spans_a_decade(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) / min(values) >= DECADE


def shortened(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"


def axis_of(plan: Plan) -> Axis:
    """The first parameter of several numbers; where there is none, the first of several values."""
    several = [parameter for parameter in plan.parameters if len(parameter.values) > 1]
    return Axis(next((p for p in several if p.numeric), (several or plan.parameters)[0]))


def others_of(plan: Plan) -> list[Parameter]:
    """The parameters that tell the lines apart."""
    axis = axis_of(plan).parameter
    return [parameter for parameter in plan.parameters if len(parameter.values) > 1 and parameter is not axis]


def lines_of(plan: Plan, rows: Sequence[CombinationRow], figure: Plotted) -> list[Line]:
    """A line for each combination of the other parameters, in their order."""
    axis = axis_of(plan)
    at = plan.parameters.index(axis.parameter)
    others = [plan.parameters.index(parameter) for parameter in others_of(plan)]
    by_label: dict[str, list[CombinationRow]] = {}
    for each in rows:
        label = ", ".join(shortened(text_of(each.combination.values[number])) for number in others)
        by_label.setdefault(label, []).append(each)
    return [_line(label, found, axis, at, figure) for label, found in by_label.items()]


def _line(label: str, rows: Sequence[CombinationRow], axis: Axis, at: int, figure: Plotted) -> Line:
    placed = sorted(((axis.position(each.combination.values[at]), each) for each in rows), key=lambda pair: pair[0])
    points = [(x, each.all_of(figure)) for x, each in placed]
    reference = [(x, each.reference_mean_ms) for x, each in placed if figure == "mean_ms"]
    return Line(
        label,
        tuple(Point(x, sum(found) / len(found), min(found), max(found)) for x, found in points if found),
        tuple((x, y) for x, y in reference if y is not None),
    )


def in_words(plan: Plan, rows: Sequence[CombinationRow]) -> str:
    """What the chart shows, line by line."""
    axis = axis_of(plan)
    names = dict(axis.ticks)
    said = []
    for figure, title in TITLES.items():
        lines = [_told(line, names, plan) for line in lines_of(plan, rows, figure) if line.points]
        said.append(f"{title[0].upper()}{title[1:]}, by {axis.parameter.key}: {'; '.join(lines) or 'not known'}.")
    return " ".join(said)


def _told(line: Line, names: dict[float, str], plan: Plan) -> str:
    first, last = line.points[0], line.points[-1]
    most = max(line.points, key=lambda point: point.y)
    told = f"{first.y:.3g} at {names[first.x]}"
    if last is not first:
        told = f"from {told} to {last.y:.3g} at {names[last.x]}"
    if most not in (first, last):
        told += f", at most {most.y:.3g} at {names[most.x]}"
    if plan.reference and line.reference:
        told += f" ({plan.reference.label}: {', '.join(f'{y:.3g} at {names[x]}' for x, y in line.reference)})"
    return f"{line.label} {told}" if line.label else told
