"""The chart of the phases that each row's mean adapter latency consists of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fanout.analysis.compare import Row
from fanout.phases import PHASE_COLOURS, PHASES
from fanout.report._report import Chart, Key
from fanout.report.charts._marks import Numbers, boxes, not_drawn
from fanout.report.charts._svg import drawn
from fanout.text import format_ms, printable, shorten

ROWS = 40
LABEL_CHARACTERS = 28
LABELLED_PERCENT = 12
"""Narrower parts have no room for a number."""
PHASE_KEYS = tuple(Key(phase, PHASE_COLOURS[phase]) for phase in PHASES)


def where(rows: Sequence[Row]) -> Chart | None:
    """Each row's phases, stacked, in ms and as shares; None if no row's phases are known."""
    known = [row for row in rows if row.summary.phases_ms is not None][:ROWS]
    if not known:
        return None
    means = np.array([[max((row.summary.phases_ms or {}).get(phase, 0.0), 0.0) for phase in PHASES] for row in known])
    totals = means.sum(axis=1)
    percent = 100 * means / np.where(totals > 0, totals, 1)[:, None]

    def draw(figure: Figure) -> None:
        absolute, shares = figure.subplots(1, 2, sharey=True)
        _bars(absolute, means)
        _bars(shares, percent)
        _totals(absolute, totals)
        _percentages(shares, percent)
        absolute.set(xlabel="mean of each phase, ms", xlim=(0, (totals.max() or 1) * 1.25))
        shares.set(xlabel="share, %", xlim=(0, 100), ylim=(len(known) - 0.4, -0.6))
        absolute.set_yticks(range(len(known)), [shorten(printable(row.label), LABEL_CHARACTERS) for row in known])
        for axes in (absolute, shares):
            axes.tick_params(axis="y", length=0)

    caption = ["The left side is in ms. The right side shows the same as shares, so that short bars are legible too."]
    caption += not_drawn(rows, [row.label for row in known])
    return Chart(
        "Where the mean adapter latency goes",
        "; ".join(map(_in_words, known, means, totals)) + ".",
        drawn(0.7 + 0.34 * len(known), draw),
        " ".join(caption),
        PHASE_KEYS,
    )


def _bars(axes: Axes, widths: Numbers) -> None:
    ends = widths.cumsum(axis=1)
    places = np.arange(len(widths), dtype=float)
    for number, phase in enumerate(PHASES):
        boxes(axes, (ends[:, number] - widths[:, number], ends[:, number]), places, 0.66, PHASE_COLOURS[phase])


def _totals(axes: Axes, totals: Numbers) -> None:
    for place, total in enumerate(totals):
        axes.annotate(format_ms(total), (total, place), (4, 0), textcoords="offset points", va="center")


def _percentages(axes: Axes, percent: Numbers) -> None:
    for place, shares in enumerate(percent):
        middles = shares.cumsum() - shares / 2
        for share, middle in zip(shares, middles, strict=True):
            if share >= LABELLED_PERCENT:
                axes.text(middle, place, f"{share:.0f}", ha="center", va="center", color="white", fontweight="bold")


def _in_words(row: Row, means: Numbers, total: float) -> str:
    """The total and the three phases that hold the most of it."""
    largest = [n for n in np.argsort(-means, kind="stable")[:3] if means[n] > 0]
    held = ", ".join(f"{PHASES[n]} {format_ms(means[n])} ({means[n] / total:.0%})" for n in largest)
    return f"{row.label}: {format_ms(total)} in all{held and ', most of it ' + held}"
