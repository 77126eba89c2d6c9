"""Baselines: runs that are kept under a name, to compare later ones with. They lie in RESULTS/baselines/NAME."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from fanout.errors import CouldNotRunError, NoDataError, UsageError
from fanout.results import QUESTIONS_FILE, RUN_FILE, SCENARIO_FILE

FOLDER = "baselines"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def find_baseline(name_or_path: str, results: Path) -> Path:
    """The directory or file of a path that exists, or of a name that was saved. Raises NoDataError."""
    for path in (Path(name_or_path), results / FOLDER / name_or_path):
        if path.exists():
            return path
    saved = sorted(path.name for path in (results / FOLDER).glob("*") if _NAME.fullmatch(path.name))
    known = f"saved are: {', '.join(saved)}" if saved else f"none is saved in {results / FOLDER}"
    raise NoDataError(f"{name_or_path}: neither a run nor a saved baseline; {known}; --save-baseline NAME makes one")


def save_baseline(directories: Sequence[Path], name: str, results: Path) -> Path:
    """Copies what is needed of these run directories; what was saved under the name before is replaced.

    Raises UsageError for a name that can't be one, CouldNotRunError where it can't be written.
    """
    if not _NAME.fullmatch(name):
        allowed = "1 to 80 letters, digits, dots, dashes and underscores, the first a letter or digit"
        raise UsageError(f"--save-baseline: {name!r} is no name; allowed: {allowed}")
    target = results / FOLDER / name
    unfinished = results / FOLDER / f".{name}.unfinished"
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        for directory in directories:
            (unfinished / directory.name).mkdir(parents=True)
            for file in (RUN_FILE, SCENARIO_FILE, QUESTIONS_FILE, "questions.jsonl"):
                if (directory / file).exists():
                    shutil.copyfile(directory / file, unfinished / directory.name / file)
        if target.exists():
            shutil.rmtree(target)
        unfinished.rename(target)
    except OSError as error:
        raise CouldNotRunError(f"can't save the baseline {target}: {error.strerror}") from error
    return target
