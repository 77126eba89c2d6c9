"""The chart: what the mean becomes when one thing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from fanout.studies.ablation._document import SINGLE_CHANGES, Findings
from fanout.studies.ablation._figures import Figures
from fanout.svg import SETTINGS

INK, OTHER, WORST = "#1f2328", "#4c78a8", "#c44e52"
TITLE = "32 agents, httpx's default limits, localhost, 24 blocked threads: what one change does"


def draw(found: Sequence[Figures], file: Path) -> None:
    """Writes it as SVG. Raises NoDataError where a figure is missing."""
    figures = Findings(found)
    names = [name.replace("`", "") for name in SINGLE_CHANGES]
    means = [figures(variant).mean_ms for variant in SINGLE_CHANGES.values()]
    with rc_context({**SETTINGS, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK}):
        drawing = Figure(figsize=(9, 3.6), layout="constrained", facecolor="white")
        axes = drawing.subplots()
        # Dots, since the length of a bar says nothing on a logarithmic axis.
        axes.scatter(means, names, s=90, color=[WORST, *[OTHER] * (len(means) - 1)], zorder=2)
        for mean, name in zip(means, names, strict=True):
            text = axes.annotate(f"{mean:.0f} ms", (mean, name), (9, 0), textcoords="offset points", va="center")
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.5})
        axes.grid(axis="y", color="#d0d7de", zorder=1)
        axes.set_xscale("log")
        axes.margins(y=0.1)
        axes.invert_yaxis()
        axes.set_xlim(5, max(means) * 3)
        axes.set_xlabel("mean adapter latency of 100 questions, ms (logarithmic)")
        axes.xaxis.set_major_formatter("{x:g}")
        drawing.suptitle(TITLE, x=0.01, ha="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        drawing.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
