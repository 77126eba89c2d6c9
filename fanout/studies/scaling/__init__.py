"""How each kind of client degrades with the number of agents.

_grid.py        the runs: agents × clients, which is also a preset of scripts/sweep
_pool_work.py   counts what a pool does for a request
_figures.py     the figures of a run
_document.py    renders the document from a template that takes every measured figure from the runs
_files.py       the study's files, and its chart
"""

from fanout.studies.scaling._document import render
from fanout.studies.scaling._figures import COMMAND, Figures, figures_of
from fanout.studies.scaling._files import NAME, TEMPLATE, draw, write_document
from fanout.studies.scaling._grid import (
    AGENTS,
    CLIENTS,
    MOST_QUESTIONS,
    QUESTIONS_EACH,
    SERVICE_TIME,
    TUNED,
    scaling_grid,
)
from fanout.studies.scaling._pool_work import PoolWork, pool_work

__all__ = [
    "AGENTS",
    "CLIENTS",
    "COMMAND",
    "MOST_QUESTIONS",
    "NAME",
    "QUESTIONS_EACH",
    "SERVICE_TIME",
    "TEMPLATE",
    "TUNED",
    "Figures",
    "PoolWork",
    "draw",
    "figures_of",
    "pool_work",
    "render",
    "scaling_grid",
    "write_document",
]
