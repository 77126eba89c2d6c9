"""Many marks as one path, which is a tenth of the bytes of as many elements; and what the axes have in common."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from fanout.phases import PHASES, Phase

Numbers: TypeAlias = NDArray[np.float64]

# Legible on white and on black, and told apart without red or green: neighbours differ in blue or in lightness.
PHASE_COLOURS: dict[Phase, str] = dict(
    zip(
        PHASES,
        ("#AA4499", "#3A9BD4", "#D55E00", "#0072B2", "#C98500", "#009E73", "#CC79A7", "#999933", "#8C8C8C"),
        strict=True,
    )
)
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#C98500", "#3A9BD4")
DASHES = ("solid", "dashed", "dotted")
"""CSS and Matplotlib have the same words."""


def series(number: int) -> tuple[str, str]:
    """The colour and the dash of a line; 18 of them differ."""
    return SERIES[number % len(SERIES)], DASHES[number // len(SERIES) % len(DASHES)]


def boxes(
    axes: Axes, spans: tuple[Numbers, Numbers], middle: Numbers, height: float, colour: str, *, alpha: float = 1
) -> None:
    """Filled rectangles, in data units; ones without a width are left out. The axes' limits stay as they are."""
    seen = spans[1] > spans[0]
    left, right, middle = spans[0][seen], spans[1][seen], middle[seen]
    if not left.size:
        return
    low, high = middle - height / 2, middle + height / 2
    corners = [(left, low), (right, low), (right, high), (left, high), (left, low)]
    vertices = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1).reshape(-1, 2)
    codes = np.tile(np.array([Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY]), left.size)
    axes.add_patch(PathPatch(Path(vertices, codes), facecolor=colour, linewidth=0, alpha=alpha))


def strokes(axes: Axes, begins: tuple[Numbers, Numbers], ends: tuple[Numbers, Numbers], colour: str, width: float,
            *, alpha: float = 1) -> None:  # fmt: skip
    """Lines from points to points, in data units; one that ends where it begins is a dot."""
    if not begins[0].size:
        return
    vertices = np.stack([np.stack(begins, axis=-1), np.stack(ends, axis=-1)], axis=1).reshape(-1, 2)
    path = Path(vertices, np.tile(np.array([Path.MOVETO, Path.LINETO]), begins[0].size))
    path.should_simplify = False
    axes.add_patch(PathPatch(path, facecolor="none", edgecolor=colour, linewidth=width, capstyle="round", alpha=alpha))


def logarithmic(axis: Axis, low: float, high: float) -> None:
    """Ticks at 1, 10, 100, and between them where there are few; both ends are more than 0."""
    few = math.log10(high / low) < 3
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def in_ms(value: float) -> str:
    """To about three digits, with the unit."""
    return f"{number(value)} ms"


def number(value: float) -> str:
    """To about three digits."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def and_others(left_out: int) -> list[str]:
    """The sentence that says how many rows weren't drawn, if any."""
    return [f"{left_out} more {'row is' if left_out == 1 else 'rows are'} not drawn."] if left_out > 0 else []
