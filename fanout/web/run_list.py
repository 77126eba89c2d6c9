"""The runs in a results directory, by id: `20261127-104500-published`, or `SERIES/RUN` for a run of a series.

What is on the disk and in a request is not trusted: an id leads to a run below the directory, or nowhere. Links are
neither listed nor followed.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fanout.errors import NoDataError
from fanout.files import exists
from fanout.runs.baselines import FOLDER
from fanout.runs.writer import RUN_FILE
from fanout.text import printable

MOST_RUNS = 20
"""In a page of the list, and in a comparison."""
MAX_NAME_BYTES = 255
"""The longest name of a directory on usual file systems."""
_TIME = "%Y%m%d-%H%M%S"
"""How the name of a directory begins, as fanout.runs.writer makes it."""
_TIMED = re.compile(r"\d{8}-\d{6}(?=-)")


@dataclass(frozen=True)
class Page:
    """Some of the runs, newest first."""

    ids: tuple[str, ...]
    next_id: str | None
    """The id after which the next page begins; None on the last page."""


def page_of(results: Path, before: str | None = None, most: int = MOST_RUNS) -> Page:
    """The newest runs, or the newest of those that come after `before`. Raises NoDataError if there is no such run."""
    if before is not None:
        directory_of(results, before)
    ids = tuple(itertools.islice(run_ids(results, before), most + 1))
    return Page(ids[:most], ids[most - 1] if len(ids) > most else None)


def run_ids(results: Path, before: str | None = None) -> Iterator[str]:
    """The ids of all runs, newest first, or of those that come after `before`.

    A run, and a series as a whole, is as old as its directory's name says, or else as the directory. Nothing is read
    but names, and only those of the series that are reached: a page of 5000 runs takes milliseconds.
    """
    folders = iter(_newest_first(results))
    if before is None:
        return itertools.chain.from_iterable(map(_runs_in, folders))
    top = before.partition("/")[0]
    ids = itertools.chain.from_iterable(map(_runs_in, itertools.dropwhile(lambda found: found.name != top, folders)))
    return itertools.islice(itertools.dropwhile(lambda found: found != before, ids), 1, None)


def directory_of(results: Path, run_id: str) -> Path:
    """The directory of a run. Raises NoDataError if the id is none of a run in `results`."""
    names = run_id.split("/", 2)
    if len(names) > 2 or names[0] == FOLDER or not all(map(_is_name, names)):
        raise _no_run(results, run_id)
    places = [results.joinpath(*names[:depth]) for depth in range(1, len(names) + 1)]
    if not _are_folders(places) or not exists(places[-1] / RUN_FILE):
        raise _no_run(results, run_id)
    return places[-1]


def _no_run(results: Path, run_id: str) -> NoDataError:
    return NoDataError(f"{results}: there is no run {run_id[:MAX_NAME_BYTES]!r} in it: reload the list of runs")


def _newest_first(results: Path) -> list[os.DirEntry[str]]:
    folders = [found for found in _folders_in(results) if found.name != FOLDER]
    return sorted(folders, key=lambda found: (_time_of(found), found.name), reverse=True)


def _time_of(folder: os.DirEntry[str]) -> str:
    if named := _TIMED.match(folder.name):
        return named[0]
    try:
        return time.strftime(_TIME, time.localtime(_modified_s(folder)))
    except (OverflowError, OSError, ValueError):  # a year that no calendar has
        return ""


def _runs_in(folder: os.DirEntry[str]) -> Iterator[str]:
    """The id of the run that a directory holds, or those of the runs of a series."""
    if exists(Path(folder, RUN_FILE)):
        yield folder.name
        return
    runs = [found for found in _folders_in(Path(folder)) if exists(Path(found, RUN_FILE))]
    for run in sorted(runs, key=lambda found: (_modified_s(found), found.name), reverse=True):
        yield f"{folder.name}/{run.name}"


def _folders_in(folder: Path) -> list[os.DirEntry[str]]:
    """The directories in one, without links, and without those whose names can't be part of an id."""
    try:
        with os.scandir(folder) as found:
            return [each for each in found if _is_name(each.name) and each.is_dir(follow_symlinks=False)]
    except OSError:  # it isn't there yet, or can't be read
        return []


def _modified_s(folder: os.DirEntry[str]) -> float:
    """When it was last written to, in Unix seconds; 0 if it has just been removed."""
    try:
        return folder.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0


def _is_name(text: str) -> bool:
    """Whether a text is one step of a path that a page can show and a URL can hold; hidden directories are none."""
    if not text or text.startswith(".") or set(text) & set("/\\") or text != printable(text):
        return False
    return len(text.encode()) <= MAX_NAME_BYTES


def _are_folders(places: list[Path]) -> bool:
    """Whether these are directories, and no links."""
    try:
        return all(place.is_dir() and not place.is_symlink() for place in places)
    except OSError:
        return False
