"""The study's files in docs/: the figures, and the chart and the document that are made from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fanout.files import writing
from fanout.paths import ROOT
from fanout.report.charts import Line, Panel, ParameterAxis, Point, lines_chart, standalone
from fanout.studies.evidence import OTHER_DOCS, read_figures
from fanout.studies.scaling._document import NAMES, render
from fanout.studies.scaling._figures import COMMAND, Figures
from fanout.studies.scaling._grid import AGENTS

NAME = "scaling"
TEMPLATE = ROOT / "docs" / f"{NAME}.md.j2"
PANELS = {"cpu_ms": "coordinator's CPU, ms per question", "p95_ms": "adapter latency, p95 in ms"}


def write_document(docs: Path) -> list[Figures]:
    """Makes the chart and the document from the figures in the same folder, and returns the figures.

    Raises NoDataError if figures are missing, CouldNotRunError if the folder can't be written.
    """
    found = read_figures(Figures, docs / f"{NAME}.csv", COMMAND)
    text = render(found, TEMPLATE, f"{NAME}.svg")
    with writing(docs, OTHER_DOCS):
        draw(found, docs / f"{NAME}.svg")
        (docs / f"{NAME}.md").write_text(text, encoding="utf-8")
    return found


def draw(found: Sequence[Figures], file: Path) -> None:
    """Writes the chart as SVG."""
    chart = lines_chart(
        "One question to one of N agents, by client",
        ParameterAxis("agents", tuple((float(agents), str(agents)) for agents in AGENTS), is_numeric=True),
        [Panel(title, tuple(_line(found, client, figure) for client in NAMES)) for figure, title in PANELS.items()],
        labels_name="client",
        reference_name="",
        caption="Each mark is one run. Failed questions have no latency.",
    )
    assert chart is not None  # the figures are those of runs
    file.write_text(standalone(chart), encoding="utf-8")


def _line(found: Sequence[Figures], client: str, figure: str) -> Line:
    values = [(float(each.agents), getattr(each, figure)) for each in found if each.client == client]
    return Line(NAMES[client], tuple(Point(x, y, y, y) for x, y in values if y is not None))
