"""What took the time in a run, in plain words, with the numbers and the change to make.

A rule is a function that receives the run's Facts and yields Advice where it applies. To add one, put `@rule` before a
function in a file here; new files are found automatically.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from functools import cache

from fanout.analysis.advice._facts import RULES, Advice, Facts
from fanout.runs.reader import Run

__all__ = ["Advice", "Facts", "advise"]


@cache
def _load_rules() -> None:
    for module in sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_")):
        importlib.import_module(f"{__name__}.{module}")


def advise(run: Run) -> list[Advice]:
    """The advice on a run, the largest share of the time first; empty where nothing stands out."""
    _load_rules()
    if run.questions.is_empty():
        return []
    facts = Facts(run)
    mean_ms = facts.total_ms / facts.measured.height if facts.measured.height else None
    found = [replace(each, rule=check.__name__, mean_ms=mean_ms) for check in RULES for each in check(facts)]
    return sorted(found, key=lambda advice: -advice.share)
