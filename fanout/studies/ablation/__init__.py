"""What mattered in the published runs: every combination of what could have, run, and a document made of the figures.

_grid.py       the variants: every combination of what could have mattered, and the scenarios that they are
_figures.py    what each run came to, as rows of a CSV file that is kept beside the document
_chart.py      the chart
_document.py   the document, from a template in which no figure is typed
_files.py      where all of these lie
"""

from fanout.studies.ablation._chart import draw
from fanout.studies.ablation._document import render
from fanout.studies.ablation._figures import Figures, figures_of, read_figures, write_figures
from fanout.studies.ablation._files import NAME, TEMPLATE, make_folder, save_figures, write_document
from fanout.studies.ablation._grid import Variant, variants

__all__ = [
    "NAME",
    "TEMPLATE",
    "Figures",
    "Variant",
    "draw",
    "figures_of",
    "make_folder",
    "read_figures",
    "render",
    "save_figures",
    "variants",
    "write_document",
    "write_figures",
]
