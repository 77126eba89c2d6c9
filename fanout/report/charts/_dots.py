"""A general chart: durations as dots on a logarithmic axis, each on a line with its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from fanout.report._report import Chart
from fanout.report.charts._marks import logarithmic
from fanout.report.charts._style import INK, look
from fanout.report.charts._svg import drawn
from fanout.text import format_ms


@dataclass(frozen=True)
class Dot:
    label: str
    value_ms: float
    """Must be more than 0."""
    stands_out: bool = False


def dots_chart(title: str, axis_name: str, dots: Sequence[Dot], caption: str = "") -> Chart:
    """One dot or more, from the top, each with its value beside it. `axis_name` names the values, without the unit.

    Dots and not bars, since lengths mean nothing on a logarithmic axis.
    """
    values = [dot.value_ms for dot in dots]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        logarithmic(axes, "x", min(values), max(values))
        # Room for the numbers beside the dots.
        axes.set(xlim=(min(values) / 2, max(values) * 3), xlabel=f"{axis_name}, ms (logarithmic)")
        axes.hlines(range(len(dots)), min(values) / 2, values, color=INK, alpha=0.2)
        for place, dot in enumerate(dots):
            colour = look(1 if dot.stands_out else 0).colour
            axes.plot(dot.value_ms, place, "o", color=colour, markersize=9)
            spot = (dot.value_ms, place)
            axes.annotate(format_ms(dot.value_ms), spot, (9, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(dots)), [dot.label for dot in dots])
        axes.set_ylim(len(dots) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)

    text = "; ".join(f"{dot.label}: {format_ms(dot.value_ms)}" for dot in dots)
    return Chart(title, f"{axis_name}: {text}.", drawn(0.8 + 0.36 * len(dots), draw), caption)
