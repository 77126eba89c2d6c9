"""Which files a scenario may name: those in its folder, and no others on the machine that reads it."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from fanout.paths import SCENARIOS

OWN_PREFIX = "fanout:"
"""The prefix of the name of one of fanout's own scenarios."""


def reach_of(scenario_file: Path) -> Path:
    """The folder that must contain the files named by this file's `extends` and `questions`.

    It is the current folder if that contains the scenario and is not as wide as the root, the user's home or a parent
    of it; otherwise it is the scenario's own folder. Raises OSError for an impossible file name.
    """
    folder, current = resolved(scenario_file.parent), Path.cwd().resolve()
    too_wide = current == Path(current.anchor) or Path(os.path.expanduser("~")).resolve().is_relative_to(current)  # noqa: PTH111
    return current if folder.is_relative_to(current) and not too_wide else folder


def resolved(path: Path) -> Path:
    """The path with symbolic links resolved. Raises OSError if that is impossible."""
    try:
        return path.resolve()
    except (ValueError, RuntimeError) as error:  # it contains a NUL; or, before Python 3.13, a cycle of links
        raise OSError(str(error)) from error


def placed(folder: Path, name: str) -> str:
    """The resolved path of a name in a file of this folder. An impossible one stays unresolved and is refused later."""
    try:
        return str(resolved(folder / name))
    except OSError:
        return str(folder / name)


def own_scenario(name: str) -> Path:
    """The file of one of fanout's own scenarios, such as `headline/a2a-default`. Raises ValueError for other names."""
    files = {path.relative_to(SCENARIOS).with_suffix("").as_posix(): path for path in SCENARIOS.rglob("*.yaml")}
    if name not in files:
        close = difflib.get_close_matches(name, files, n=1)
        hint = f"did you mean {OWN_PREFIX}{close[0]}? " if close else ""
        known = dict.fromkeys(f"{each.partition('/')[0]}/…" if "/" in each else each for each in sorted(files))
        raise ValueError(f"is not one of fanout's scenarios; {hint}allowed: {OWN_PREFIX} and one of {', '.join(known)}")
    return files[name]


def refusal(path: Path, reach: Path) -> str | None:
    """Why a scenario can't name a file; None if it can. It doesn't reveal whether files out of reach exist."""
    try:
        target = resolved(path)
        if not target.is_relative_to(reach):
            return f"leads out of {reach}"
        return None if target.is_file() else "is not a file"
    except OSError:
        return "is not a file"
