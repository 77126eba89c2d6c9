"""How each client library copes with more and more agents.

_grid.py       the runs: agents × libraries × topologies, which is also a preset of scripts/sweep
_figures.py    the figures of a run
_document.py   docs/clients.csv and docs/clients.md, for which a template takes every measured figure from the runs
"""

from fanout.studies.clients._document import NAME, TEMPLATE, render, write_document
from fanout.studies.clients._figures import COMMAND, Figures, figures_of
from fanout.studies.clients._grid import AGENTS, TOPOLOGIES, clients_grid

__all__ = [
    "AGENTS",
    "COMMAND",
    "NAME",
    "TEMPLATE",
    "TOPOLOGIES",
    "Figures",
    "clients_grid",
    "figures_of",
    "render",
    "write_document",
]
