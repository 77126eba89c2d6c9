"""The chart of Locust's history of a run: load, failures, users and response times over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fanout.report._report import Chart, Key
from fanout.report.charts._marks import Numbers
from fanout.report.charts._style import look
from fanout.report.charts._svg import drawn
from fanout.runs.locust_csv import Moment
from fanout.text import format_number

STRETCHES = 500
"""A longer history is drawn as so many stretches, of each of which a line shows the least and the greatest value."""
FEWEST = 2
DOTTED = 50
"""The most moments that are dots as well, since one between two unknown ones has no line."""
PANEL_IN = 1.5


@dataclass(frozen=True)
class _Line:
    name: str
    of: str
    """The field of Moment."""
    look: int
    """The number of its look, which is its own in the whole chart."""


PANELS: tuple[tuple[str, tuple[_Line, ...]], ...] = (
    ("per second", (_Line("requests/s", "requests_per_s", 0), _Line("failures/s", "failures_per_s", 1))),
    ("users", (_Line("users", "users", 2),)),
    ("ms", (_Line("median, ms", "median_ms", 3), _Line("95 %, ms", "p95_ms", 4))),
)


def history_chart(label: str, moments: Sequence[Moment]) -> Chart | None:
    """The history over time; None if it has fewer than two moments, or nothing is known of them."""
    if len(moments) < FEWEST:
        return None
    seconds = np.array([moment.unix_s - moments[0].unix_s for moment in moments])
    is_long = len(moments) > 2 * STRETCHES
    whole = {line: _values(moments, line) for _, lines in PANELS for line in lines}
    known = {line: values for line, values in whole.items() if not np.isnan(values).all()}
    panels = [(unit, shown) for unit, lines in PANELS if (shown := [line for line in lines if line in known])]
    if not panels:
        return None

    def draw(figure: Figure) -> None:
        every = figure.subplots(len(panels), 1, sharex=True, squeeze=False).flat
        for axes, (unit, lines) in zip(every, panels, strict=True):
            for line in lines:
                x, y = _thinned(seconds, known[line]) if is_long else (seconds, known[line])
                axes.plot(x, y, color=look(line.look).colour, marker="." if len(moments) <= DOTTED else None)
            _frame(axes, unit)
        axes.set_xlabel("seconds since the history began")

    caption = "Locust's percentiles are of the last seconds with --csv-full-history, and otherwise of the run so far."
    if is_long:
        caption += f" The least and the greatest value in each of {STRETCHES} equal stretches are drawn."
    return Chart(
        f"Over time: {label}",
        "; ".join(_in_words(line.name, values) for line, values in known.items()) + ".",
        drawn(0.6 + PANEL_IN * len(panels), draw),
        caption,
        tuple(Key(line.name, look(line.look).colour) for line in known),
    )


def _frame(axes: Axes, unit: str) -> None:
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid()


def _values(moments: Sequence[Moment], line: _Line) -> Numbers:
    """The value at each moment; nan where it is unknown, which leaves a gap."""
    return np.array([np.nan if (value := getattr(moment, line.of)) is None else value for moment in moments])


def _thinned(seconds: Numbers, values: Numbers) -> tuple[Numbers, Numbers]:
    """The least and the greatest known value of each stretch, in order of time."""
    chosen: list[int] = []
    for stretch in np.array_split(np.arange(len(values)), STRETCHES):
        within = values[stretch]
        ends = (0,) if np.isnan(within).all() else {int(np.nanargmin(within)), int(np.nanargmax(within))}
        chosen += sorted(int(stretch[end]) for end in ends)
    return seconds[chosen], values[chosen]


def _in_words(name: str, values: Numbers) -> str:
    known = values[~np.isnan(values)]
    return f"{name} from {format_number(known[0])} to {format_number(known[-1])}, at most {format_number(known.max())}"
