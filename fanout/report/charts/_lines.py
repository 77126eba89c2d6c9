"""A general chart: lines along one parameter, in panels side by side, with their names at the right end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from matplotlib.transforms import ScaledTranslation

from fanout.report._report import Chart
from fanout.report.charts._marks import logarithmic
from fanout.report.charts._style import look
from fanout.report.charts._svg import drawn
from fanout.text import format_number, printable, shorten

DECADE = 10
"""An axis is logarithmic if its largest value is at least so many times its smallest."""
LABEL_CHARACTERS = 28
LEAST_HEIGHT_IN, LABEL_HEIGHT_IN = 3.6, 0.2


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    low: float
    """The smallest of the values that y is the mean of."""
    high: float


@dataclass(frozen=True)
class Line:
    label: str
    """May be empty if there is only one line."""
    points: tuple[Point, ...]
    """The points, sorted by x."""
    reference: tuple[tuple[float, float], ...] = ()
    """The points (x, y) of the reference that the line is compared with."""

    @property
    def heights(self) -> list[float]:
        """Every y that is drawn."""
        return [*(y for p in self.points for y in (p.y, p.low, p.high)), *(y for _, y in self.reference)]


@dataclass(frozen=True)
class Panel:
    title: str
    """What y is, with its unit."""
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class ParameterAxis:
    """The parameter that the x axis shows."""

    name: str
    ticks: tuple[tuple[float, str], ...]
    """The x and the name of each value."""
    is_numeric: bool
    """Whether x is the value itself; otherwise the ticks are categories at 0, 1, 2 …"""


def lines_chart(
    title: str,
    axis: ParameterAxis,
    panels: Sequence[Panel],
    *,
    labels_name: str,
    reference_name: str,
    caption: str = "",
) -> Chart | None:
    """One chart of all panels, which have the same lines in the same order; None if no line has a point.

    `labels_name` is the parameter whose values are the lines' labels; `reference_name` names the reference.
    """
    most = max((len(panel.lines) for panel in panels), default=0)
    if not any(line.points for panel in panels for line in panel.lines):
        return None
    height_in = max(LEAST_HEIGHT_IN, LABEL_HEIGHT_IN * (most + 4))

    def draw(figure: Figure) -> None:
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False).flat, panels, strict=True):
            _draw_panel(axes, axis, panel)
            _label(axes, panel.lines, labels_name, LABEL_HEIGHT_IN / height_in)

    return Chart(title, _in_words(axis, panels, reference_name), drawn(height_in, draw), caption)


def _draw_panel(axes: Axes, axis: ParameterAxis, panel: Panel) -> None:
    for number, line in enumerate(panel.lines):
        style = look(number)
        x, y = [point.x for point in line.points], [point.y for point in line.points]
        ranges = [[p.y - p.low for p in line.points], [p.high - p.y for p in line.points]]
        if any(map(any, ranges)):
            axes.errorbar(x, y, ranges, fmt="none", ecolor=style.colour, elinewidth=0.9, capsize=2.5)
        axes.plot(x, y, color=style.colour, marker=style.marker)
        if line.reference:
            x, y = [x for x, _ in line.reference], [y for _, y in line.reference]
            axes.plot(x, y, color=style.colour, marker=style.marker, markerfacecolor="none", linestyle="dashed")
    axes.set_title(panel.title)
    axes.grid(axis="y")
    _scale(axes, axis, [y for line in panel.lines for y in line.heights])


def _scale(axes: Axes, axis: ParameterAxis, heights: Sequence[float]) -> None:
    axes.set_xlabel(axis.name)
    places = [x for x, _ in axis.ticks]
    names = [_short(name) for _, name in axis.ticks]
    if axis.is_numeric and _spans_a_decade(places):
        logarithmic(axes, "x", min(places), max(places))
    axes.set_xticks(places, names, rotation=20 if sum(map(len, names)) > 40 else 0)
    axes.xaxis.set_minor_locator(NullLocator())
    if not axis.is_numeric:
        axes.set_xlim(-0.4, len(places) - 0.6)
    if _spans_a_decade(heights):
        logarithmic(axes, "y", min(heights), max(heights))
    else:
        axes.yaxis.set_major_formatter("{x:g}")
        if heights and min(heights) >= 0:
            axes.set_ylim(0, max(heights) * 1.08 or 1)


def _spans_a_decade(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) / min(values) >= DECADE


def _label(axes: Axes, lines: Sequence[Line], name: str, height: float) -> None:
    """Writes each line's label at its right end, moved if two would overlap, and the parameter's name above them.

    `height` is the height of a label, as a share of the figure's.
    """
    named = [(number, line) for number, line in enumerate(lines) if line.points and line.label]
    ends = {}
    for number, line in named:
        end = line.points[-1]
        ends[number] = float(axes.transAxes.inverted().transform(axes.transData.transform((end.x, end.y)))[1])
    places = spread(ends, 1.25 * height)
    beside = axes.transAxes + ScaledTranslation(8 / 72, 0, axes.figure.dpi_scale_trans)
    for number, line in named:
        style = look(number)
        spot = (1, places[number])
        axes.plot(*spot, style.marker, color=style.colour, transform=beside, clip_on=False)
        _write(axes, _short(line.label), spot, (16, 0))
    if named:
        _write(axes, name, (1, max(1.0, *places.values())), (4, 20))


def _write(axes: Axes, text: str, spot: tuple[float, float], points: tuple[float, float]) -> None:
    """Writes a text so many points beside a spot, which is a share of the axes' width and height."""
    axes.annotate(text, spot, points, xycoords="axes fraction", textcoords="offset points", va="center")


def spread(wanted: Mapping[int, float], gap: float) -> dict[int, float]:
    """Places from 0 to 1 that are at least `gap` apart, in the order of the wanted places and close to them."""
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


def _in_words(axis: ParameterAxis, panels: Sequence[Panel], reference_name: str) -> str:
    """The figures of the chart in words, line by line."""
    said = []
    for panel in panels:
        lines = [_line_in_words(line, dict(axis.ticks), reference_name) for line in panel.lines if line.points]
        said.append(f"{panel.title[0].upper()}{panel.title[1:]}, by {axis.name}: {'; '.join(lines) or 'unknown'}.")
    return " ".join(said)


def _line_in_words(line: Line, names: Mapping[float, str], reference_name: str) -> str:
    def at(x: float, y: float) -> str:
        return f"{format_number(y)} at {_short(names[x])}"

    first, last = line.points[0], line.points[-1]
    most = max(line.points, key=lambda point: point.y)
    text = at(first.x, first.y)
    if last is not first:
        text = f"from {text} to {at(last.x, last.y)}"
    if most not in (first, last):
        text += f", at most {at(most.x, most.y)}"
    if line.reference:
        text += f" ({reference_name}: {', '.join(at(x, y) for x, y in line.reference)})"
    return f"{line.label} {text}" if line.label else text


def _short(text: str) -> str:
    return shorten(printable(text), LABEL_CHARACTERS)
