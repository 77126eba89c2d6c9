"""What held the time in a run, in plain words, with the numbers and the change to make.

A rule is a function that is given the run's Facts and yields Advice, if there is any to give. To add one, put
`@rule` before a function in a file here; a new file is found by itself.
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
    """What is to be said of a run, what held the most time first; nothing where nothing stands out."""
    _load_rules()
    if run.questions.is_empty():
        return []
    facts = Facts(run)
    said = [replace(advice, rule=check.__name__) for check in RULES for advice in check(facts)]
    return sorted(said, key=lambda advice: -advice.share)
