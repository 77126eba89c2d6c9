"""The chart: the mean adapter latency after each single change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fanout.report.charts import Dot, dots_chart, standalone
from fanout.studies.ablation._document import SINGLE_CHANGES, WORST, Findings
from fanout.studies.ablation._figures import Figures

TITLE = "32 agents, httpx's default limits, localhost, 24 blocked threads: what one change does"


def draw(found: Sequence[Figures], file: Path) -> None:
    """Writes the chart as SVG. Raises NoDataError if a figure is missing."""
    figures = Findings(found)
    dots = [
        Dot(name.replace("`", ""), figures(variant).mean_ms, stands_out=variant == WORST)
        for name, variant in SINGLE_CHANGES.items()
    ]
    chart = dots_chart(TITLE, "mean adapter latency of 100 questions", dots)
    file.write_text(standalone(chart), encoding="utf-8")
