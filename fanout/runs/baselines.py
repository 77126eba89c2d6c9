"""Baselines: runs saved under a name to compare later ones with. They are in RESULTS/baselines/NAME."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from fanout.errors import NoDataError
from fanout.files import exists, writing
from fanout.runs.locust_reports import summary_of
from fanout.runs.writer import QUESTIONS_FILE, RUN_FILE, SCENARIO_FILE, SCENARIO_QUESTIONS_FILE
from fanout.scenario import NAME_ALLOWED, NAME_PATTERN

FOLDER = "baselines"
_NAME = re.compile(NAME_PATTERN)


def find_baseline(name_or_path: str, results: Path) -> Path:
    """The directory of a saved baseline, an existing path, or the summary that Locust wrote with a prefix.

    Raises NoDataError.
    """
    saved = results / FOLDER / name_or_path
    for path in (saved, Path(name_or_path)) if _NAME.fullmatch(name_or_path) else (Path(name_or_path),):
        if name_or_path and exists(path):
            return path
    path = Path(name_or_path)
    if summary := summary_of(path.parent, path.name) if name_or_path else None:
        return summary
    names = sorted(path.name for path in (results / FOLDER).glob("*") if _NAME.fullmatch(path.name))
    known = f"saved baselines: {', '.join(names)}" if names else f"no baseline is saved in {results / FOLDER}"
    raise NoDataError(f"{name_or_path!r}: neither a saved baseline nor a run; {known}; --save-baseline NAME saves one")


def checked_name(name: str) -> str:
    """The name, if it is valid for a baseline. Raises ValueError with what is allowed."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a valid name; allowed: {NAME_ALLOWED}")
    return name


def save_baseline(directories: Sequence[Path], name: str, results: Path) -> Path:
    """Copies the necessary files of these run directories, replacing what was saved under the name before.

    Raises ValueError if there are no directories or the name is invalid, CouldNotRunError if writing fails.
    """
    if not directories:
        raise ValueError("no run to save")
    target = results / FOLDER / checked_name(name)
    unfinished, replaced = (target.with_name(f".{name}.{word}") for word in ("unfinished", "replaced"))
    with writing(target):
        for left_over in (unfinished, replaced):
            shutil.rmtree(left_over, ignore_errors=True)
        try:
            for number, directory in enumerate(directories, 1):
                _copy(directory, unfinished / f"{number:03}-{directory.name}")
            if target.exists():
                target.rename(replaced)  # so that one of them always exists
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)
    return target


def _copy(directory: Path, to: Path) -> None:
    to.mkdir(parents=True)
    for file in (RUN_FILE, SCENARIO_FILE, QUESTIONS_FILE, SCENARIO_QUESTIONS_FILE):
        if (directory / file).exists():
            shutil.copyfile(directory / file, to / file)
