"""Which files a scenario may name: what it was given with, and nothing else of the machine that reads it."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from fanout.paths import SCENARIOS

OURS = "fanout:"
"""Stands before the name of a scenario of fanout's own."""


def reach_of(scenario_file: Path) -> Path:
    """The folder that the file's `extends` and `questions` have to lie in.

    It is the file's own, or the current one where that is around it and no more than a project's: not the root, not the
    user's home. Raises OSError for a name that can't be a file's.
    """
    folder, current = resolved(scenario_file.parent), Path.cwd().resolve()
    too_wide = current == Path(current.anchor) or Path(os.path.expanduser("~")).resolve().is_relative_to(current)  # noqa: PTH111
    return current if folder.is_relative_to(current) and not too_wide else folder


def resolved(path: Path) -> Path:
    """Where a path leads, symbolic links followed. Raises OSError for one that can't lead anywhere."""
    try:
        return path.resolve()
    except (ValueError, RuntimeError) as error:  # a NUL in it; links in a circle, on Python before 3.13
        raise OSError(str(error)) from error


def placed(folder: Path, name: str) -> str:
    """Where a name in a file of this folder leads; one that can't lead anywhere stays as it is, to be refused."""
    try:
        return str(resolved(folder / name))
    except OSError:
        return str(folder / name)


def ours(name: str) -> Path:
    """The file of a scenario of fanout's own, such as `headline/a2a-default`. Raises ValueError for any other name."""
    files = {path.relative_to(SCENARIOS).with_suffix("").as_posix(): path for path in SCENARIOS.rglob("*.yaml")}
    if name not in files:
        close = difflib.get_close_matches(name, files, n=1)
        hint = f"did you mean {OURS}{close[0]}? " if close else ""
        known = dict.fromkeys(f"{each.partition('/')[0]}/…" if "/" in each else each for each in sorted(files))
        raise ValueError(f"is none of fanout's own; {hint}allowed: {OURS} and one of {', '.join(known)}")
    return files[name]


def refusal(path: Path, reach: Path) -> str | None:
    """Why a file can't be named; None where it can. Of what is out of reach it doesn't even say whether it is there."""
    try:
        target = resolved(path)
        if not target.is_relative_to(reach):
            return f"leads out of {reach}"
        return None if target.is_file() else "is not a file"
    except OSError:
        return "is not a file"
