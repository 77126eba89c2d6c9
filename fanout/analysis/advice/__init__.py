"""What took the time in a run and why questions failed, in plain words, with the numbers and the change to make.

A rule is a function that receives the run's Facts and yields Advice where it applies. To add one, put `@rule` before a
function in a file here; new files are found automatically. Why a failed question failed is decided in _causes.py.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from fanout.analysis.advice._accounts import settled
from fanout.analysis.advice._advice import Advice, Change
from fanout.analysis.advice._facts import RULES, Check, Facts
from fanout.analysis.advice._remedies import for_clients
from fanout.runs.reader import Run

__all__ = ["Advice", "Change", "Check", "Facts", "advise", "said_by"]


@cache
def _load_rules() -> None:
    for module in sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_")):
        importlib.import_module(f"{__name__}.{module}")


def advise(run: Run) -> list[Advice]:
    """The advice on a run, what accounts for the most first; empty where nothing stands out."""
    _load_rules()
    if run.questions.is_empty():
        return []
    facts = Facts(run)
    return settled(facts, said_by(RULES, facts))


def said_by(checks: Iterable[Check], facts: Facts) -> list[Advice]:
    """What these say of a run: each piece with its rule's name, and its changes for the clients that the run had."""
    return [
        replace(said, rule=check.__name__, changes=tuple(for_clients(change, facts) for change in said.changes))
        for check in checks
        for said in check(facts)
    ]
