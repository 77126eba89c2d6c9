"""The chart: adapter latency and CPU time along one parameter, with a line for each combination of the others."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import LogLocator, NullLocator

from fanout.report import Chart
from fanout.svg import SETTINGS
from fanout.sweep._lines import TITLES, Axis, Line, axis_of, in_words, lines_of, others_of, shortened, spans_a_decade
from fanout.sweep._plan import Plan
from fanout.sweep._table import CombinationRow

INK = "#1f2328"
"""Of text and axes alone, so that it can be replaced."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe's and Ito's, which colour-blind people tell apart."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One more than colours: 42 lines differ."""
SIZE = (11.0, 4.4)
LINE_HEIGHT = 0.24
"""Inches for each label."""
INKED = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK)


@dataclass(frozen=True)
class Drawn:
    """The chart twice: as a file of its own, and to stand in a page, whose ink it takes."""

    file: str
    chart: Chart


def draw(plan: Plan, rows: Sequence[CombinationRow]) -> Drawn | None:
    """The chart; None where nothing was measured."""
    panels = [lines_of(plan, rows, figure) for figure in TITLES]
    if not any(line.points for lines in panels for line in lines):
        return None
    with rc_context({**SETTINGS, **INKED}):  # type: ignore[dict-item]
        height = max(SIZE[1], LINE_HEIGHT * (len(panels[0]) + 4))
        drawing = Drawing(figsize=(SIZE[0], height), layout="constrained")
        for axes, title, lines in zip(drawing.subplots(1, 2), TITLES.values(), panels, strict=True):
            _draw_panel(axes, axis_of(plan), lines)
            axes.set_title(title, loc="left", fontsize=10)
            _label(axes, lines, ", ".join(parameter.key for parameter in others_of(plan)))
        drawing.suptitle(_title(plan, panels[0]), x=0.01, ha="left", fontsize=11)
        svg = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        drawing.savefig(svg, format="svg", transparent=True, metadata=nothing)
    return _both(svg.getvalue(), Chart(f"{plan.name} by {axis_of(plan).parameter.key}", in_words(plan, rows), ""))


def _title(plan: Plan, lines: Sequence[Line]) -> str:
    parts = [f"{plan.name} by {axis_of(plan).parameter.key}"]
    if plan.repeat > 1:
        parts.append(f"means of {plan.repeat} runs, bars from the smallest to the largest")
    if plan.reference and any(line.reference for line in lines):
        parts.append(f"dashed and hollow: {shortened(plan.reference.label)}")
    return "; ".join(parts)


def _draw_panel(axes: Axes, axis: Axis, lines: Sequence[Line]) -> None:
    for number, line in enumerate(lines):
        colour, marker = _look(number)
        x, y = [point.x for point in line.points], [point.y for point in line.points]
        ranges = [[p.y - p.low for p in line.points], [p.high - p.y for p in line.points]]
        if any(map(any, ranges)):
            axes.errorbar(x, y, ranges, fmt="none", ecolor=colour, elinewidth=0.9, capsize=2.5)
        axes.plot(x, y, color=colour, marker=marker, markersize=5.5, linewidth=1.5)
        if line.reference:
            x, y = [x for x, _ in line.reference], [y for _, y in line.reference]
            axes.plot(x, y, color=colour, marker=marker, markersize=7, markerfacecolor="none", linestyle=(0, (4, 3)))
    _scale(axes, axis, [y for line in lines for y in _heights(line)])
    axes.grid(axis="y", color="#8b949e", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _look(number: int) -> tuple[str, str]:
    return COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]


def _heights(line: Line) -> list[float]:
    """Every y that is drawn of a line."""
    return [
        *(y for point in line.points for y in (point.y, point.low, point.high)),
        *(y for _, y in line.reference),
    ]


def _scale(axes: Axes, axis: Axis, heights: Sequence[float]) -> None:
    axes.set_xlabel(axis.parameter.key)
    if axis.logarithmic:
        axes.set_xscale("log")
    places, names = zip(*axis.ticks, strict=True)
    axes.set_xticks(places, names, rotation=20 if sum(map(len, names)) > 60 else 0)
    axes.xaxis.set_minor_locator(NullLocator())
    if not axis.parameter.numeric:
        axes.set_xlim(-0.4, len(places) - 0.6)
    if spans_a_decade(heights):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    elif heights and min(heights) >= 0:
        axes.set_ylim(0, max(heights) * 1.08 or 1)
    axes.yaxis.set_major_formatter("{x:g}")


def _label(axes: Axes, lines: Sequence[Line], what: str) -> None:
    """Each line's name at its right end, moved up where two would overlap; `what` they are the values of is above."""
    named = [(number, line) for number, line in enumerate(lines) if line.points and line.label]
    ends = {}
    for number, line in named:
        end = line.points[-1]
        ends[number] = float(axes.transAxes.inverted().transform(axes.transData.transform((end.x, end.y)))[1])
    places = spread(ends, LINE_HEIGHT / max(SIZE[1], LINE_HEIGHT * (len(lines) + 4)) * 1.25)
    for number, line in named:
        colour, marker = _look(number)
        y = places[number]
        axes.plot(1.03, y, marker, color=colour, markersize=5.5, transform=axes.transAxes, clip_on=False)
        axes.text(1.06, y, line.label, transform=axes.transAxes, va="center", fontsize=9)
    if named:
        axes.text(1.02, max(1.0, *places.values()) + 0.06, what, transform=axes.transAxes, va="center", fontsize=8)


def spread(wanted: dict[int, float], gap: float) -> dict[int, float]:
    """Places that are at least `gap` apart, in the order of the wanted ones and about where those are, from 0 to 1."""
    order = sorted(wanted, key=wanted.__getitem__)
    places: dict[int, float] = {}
    lowest = 0.0
    for number in order:
        places[number] = max(wanted[number], lowest)
        lowest = places[number] + gap
    highest = max(1.0, gap * (len(order) - 1))
    for number in reversed(order):
        places[number] = min(places[number], highest)
        highest = places[number] - gap
    return places


def _both(svg: str, chart: Chart) -> Drawn:
    """From one drawing without a background: a file that is legible alone, and a chart in the ink of its page."""
    start = svg.index("<svg")
    inside = svg.index(">", start) + 1
    file = f'{svg[:inside]}\n <rect width="100%" height="100%" fill="white"/>{svg[inside:]}'
    return Drawn(file, Chart(chart.title, chart.text, svg[start:].replace(INK, "currentColor")))
