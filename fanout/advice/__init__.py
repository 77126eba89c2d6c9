"""What held the time in a run, in plain words, with the numbers and the change to make.

A rule is a function that is given the run's Facts and yields what it has to say, if anything. To add one, put
`@rule` before a function in a file here; a new file is found by itself. Rules are told in the order of their files.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from fanout.advice._facts import RULES, Facts
from fanout.results import Run

__all__ = ["Facts", "advise"]


@cache
def _load_rules() -> None:
    for module in sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_")):
        importlib.import_module(f"{__name__}.{module}")


def advise(run: Run) -> list[str]:
    """What is to be said of a run; nothing where nothing stands out."""
    _load_rules()
    facts = Facts(run)
    return [text for check in RULES for text in check(facts)] if run.outcomes else []
