"""The look of all charts: colours, dashes, markers, and the settings of Matplotlib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

INK = "#010203"
"""Stands for the text colour, which is that of the page, or FILE_INK in a file with a white background."""
WIDTH_IN = 9.0

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#C98500", "#3A9BD4")
"""The colours of rows and lines: those of Okabe and Ito (https://jfly.uni-koeln.de/color/), the light ones darker."""
DASHES = ("solid", "dashed", "dotted")
"""CSS and Matplotlib use the same names."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One more than COLOURS, so that 42 lines differ."""


@dataclass(frozen=True)
class Look:
    colour: str
    dash: str
    """Dashes and colours together give 18 different looks."""
    marker: str


def look(number: int) -> Look:
    """The look of the row or line with this number, counted from 0, in every chart."""
    return Look(
        COLOURS[number % len(COLOURS)],
        DASHES[number // len(COLOURS) % len(DASHES)],
        MARKERS[number % len(MARKERS)],
    )


SETTINGS: Any = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "grid.color"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("font.size", "figure.labelsize", "axes.titlesize", "axes.labelsize"), 9),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 9),
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "grid.alpha": 0.2,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.5,
    # The same figures give the same bytes, and text stays text.
    "svg.hashsalt": "fanout",
    "svg.fonttype": "none",
    # A name may contain dollar signs.
    "text.parse_math": False,
}
"""The argument of matplotlib.rc_context."""
