"""The study's files in docs/: the figures, and the chart and the document that are made from them."""

from __future__ import annotations

from pathlib import Path

from fanout.files import writing
from fanout.paths import ROOT
from fanout.studies.ablation._chart import draw
from fanout.studies.ablation._document import render
from fanout.studies.ablation._figures import COMMAND, Figures
from fanout.studies.evidence import OTHER_DOCS, read_figures

NAME = "why-the-pool-mattered"
TEMPLATE = ROOT / "docs" / f"{NAME}.md.j2"


def write_document(docs: Path) -> list[Figures]:
    """Makes the chart and the document from the figures in the same folder, and returns the figures.

    Raises NoDataError if figures are missing, CouldNotRunError if the folder can't be written.
    """
    found = read_figures(Figures, docs / f"{NAME}.csv", COMMAND)
    with writing(docs, OTHER_DOCS):
        draw(found, docs / f"{NAME}.svg")
        (docs / f"{NAME}.md").write_text(render(found, TEMPLATE, f"{NAME}.svg"), encoding="utf-8")
    return found
