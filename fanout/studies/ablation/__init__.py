"""The ablation: runs every combination of the suspected causes of the published latency, and writes a document.

_grid.py       the variants: every combination of the suspected causes, and a scenario for each
_figures.py    the results, a row for each run, in a CSV file beside the document
_chart.py      the chart
_document.py   renders the document from a template that takes every measured figure from the CSV file
_files.py      the names of these files, and writing them
"""

from fanout.studies.ablation._chart import draw
from fanout.studies.ablation._document import render
from fanout.studies.ablation._figures import COMMAND, Figures, figures_of
from fanout.studies.ablation._files import NAME, TEMPLATE, write_document
from fanout.studies.ablation._grid import Variant, variants

__all__ = [
    "COMMAND",
    "NAME",
    "TEMPLATE",
    "Figures",
    "Variant",
    "draw",
    "figures_of",
    "render",
    "variants",
    "write_document",
]
