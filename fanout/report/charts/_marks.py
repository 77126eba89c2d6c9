"""Draws many marks as one path, a tenth of the bytes of single elements, and sets up logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from fanout.analysis.compare import Row
from fanout.text import listed

Numbers: TypeAlias = NDArray[np.float64]


def boxes(
    axes: Axes, spans: tuple[Numbers, Numbers], middle: Numbers, height: float, colour: str, *, alpha: float = 1
) -> None:
    """Draws filled rectangles, in data units, except those without a width. The axes' limits don't change."""
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
    """Draws lines between pairs of points, in data units; a line without length is a dot."""
    if not begins[0].size:
        return
    vertices = np.stack([np.stack(begins, axis=-1), np.stack(ends, axis=-1)], axis=1).reshape(-1, 2)
    path = Path(vertices, np.tile(np.array([Path.MOVETO, Path.LINETO]), begins[0].size))
    path.should_simplify = False
    axes.add_patch(PathPatch(path, facecolor="none", edgecolor=colour, linewidth=width, capstyle="round", alpha=alpha))


def logarithmic(axes: Axes, which: Literal["x", "y"], low: float, high: float) -> None:
    """Makes one axis logarithmic, with numbers at 1, 10, 100, and between them if the axis is short.

    `low` and `high` are the ends of what is drawn, and positive.
    """
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    few = math.log10(high / low) < 3
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def not_drawn(rows: Sequence[Row], drawn: Collection[str]) -> list[str]:
    """The sentence that names the rows that were not drawn, if any."""
    left_out = [row.label for row in rows if row.label not in drawn]
    return [f"Not drawn: {listed(left_out)}."] if left_out else []
