"""The chart: adapter latency and CPU time along one parameter, with a line for each combination of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from fanout.report import Chart
from fanout.report.charts import Line, Panel, ParameterAxis, Point, lines_chart
from fanout.scenario import flow_text
from fanout.sweep._parameters import Parameter
from fanout.sweep._plan import Plan
from fanout.sweep._table import CombinationRow

Plotted = Literal["mean_ms", "cpu_ms"]
TITLES: dict[Plotted, str] = {"mean_ms": "adapter latency, mean ms", "cpu_ms": "coordinator's CPU, ms per question"}


def draw(plan: Plan, rows: Sequence[CombinationRow]) -> Chart | None:
    """Returns None where nothing was measured."""
    along = parameter_along(plan)
    return lines_chart(
        f"{plan.name} by {along.key}",
        axis_of(along),
        [Panel(title, lines_of(plan, rows, plotted)) for plotted, title in TITLES.items()],
        labels_name=", ".join(parameter.key for parameter in others_of(plan)),
        reference_name=plan.reference.label if plan.reference else "",
        caption=_caption(plan),
    )


def _caption(plan: Plan) -> str:
    if plan.repeat > 1:
        caption = f"Each mark is the mean of {plan.repeat} runs; its bar reaches from the smallest run to the largest."
    else:
        caption = "Each mark is one run."
    return f"{caption} Dashed and hollow: {plan.reference.label}." if plan.reference else caption


def parameter_along(plan: Plan) -> Parameter:
    """The x axis: the first parameter with several values, all numbers; else the first one with several values."""
    several = [parameter for parameter in plan.parameters if len(parameter.values) > 1]
    return next((parameter for parameter in several if parameter.numeric), (several or plan.parameters)[0])


def others_of(plan: Plan) -> list[Parameter]:
    """The parameters that tell the lines apart."""
    along = parameter_along(plan)
    return [parameter for parameter in plan.parameters if len(parameter.values) > 1 and parameter is not along]


def axis_of(along: Parameter) -> ParameterAxis:
    """Numbers are placed by value, categories one after another."""
    names = [flow_text(value) for value in along.values]
    places = [float(value) for value in along.values] if along.numeric else map(float, range(len(names)))
    return ParameterAxis(along.key, tuple(zip(places, names, strict=True)), along.numeric)


def lines_of(plan: Plan, rows: Sequence[CombinationRow], plotted: Plotted) -> tuple[Line, ...]:
    """One line for each combination of the other parameters, in their order."""
    along = plan.parameters.index(parameter_along(plan))
    others = [plan.parameters.index(parameter) for parameter in others_of(plan)]
    place_of = {name: place for place, name in axis_of(plan.parameters[along]).ticks}
    by_label: dict[str, list[tuple[float, CombinationRow]]] = {}
    for each in rows:
        values = [flow_text(value) for value in each.combination.values]
        label = ", ".join(values[number] for number in others)
        by_label.setdefault(label, []).append((place_of[values[along]], each))
    return tuple(_line(label, found, plotted) for label, found in by_label.items())


def _line(label: str, placed: Sequence[tuple[float, CombinationRow]], plotted: Plotted) -> Line:
    ordered = sorted(placed, key=lambda pair: pair[0])
    measured = [(x, each.all_of(plotted)) for x, each in ordered]
    reference = [(x, each.reference_mean_ms) for x, each in ordered if plotted == "mean_ms"]
    return Line(
        label,
        tuple(Point(x, sum(found) / len(found), min(found), max(found)) for x, found in measured if found),
        tuple((x, y) for x, y in reference if y is not None),
    )
