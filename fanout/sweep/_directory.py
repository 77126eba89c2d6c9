"""A sweep's directory: one sweep at a time goes on in it, and what a run that broke off left there is removed."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from fanout.errors import CouldNotRunError, NoDataError
from fanout.runs.reader import Run, read_run
from fanout.sweep._plan import PLAN_FILE

LET_GO_S = 5.0
"""How long what is left of a killed sweep may still write; its runs end by themselves."""


@contextlib.contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """Keeps another sweep process out of the directory. Raises CouldNotRunError where one is in it already."""
    with (directory / PLAN_FILE).open("rb") as plan:
        try:
            fcntl.flock(plan, fcntl.LOCK_EX | fcntl.LOCK_NB)  # let go of with this process, however it ends
        except BlockingIOError:
            raise CouldNotRunError(
                f"{directory}: this sweep is going on in another process; wait for its end"
            ) from None
        except OSError:
            pass  # a file system without locks
        yield


def finished_run(directory: Path) -> Run | None:
    """The run that is there, if it was made to its end."""
    try:
        run = read_run(directory)
    except NoDataError:
        return None
    complete = run.info.ended_by == "rounds_done" and run.info.questions.dispatched is not None
    return run if complete else None


def remove_run(directory: Path) -> None:
    """Removes what a run left, if it left anything. Raises CouldNotRunError where that can't be done."""
    until = time.monotonic() + LET_GO_S
    while directory.exists() or directory.is_symlink():
        try:
            shutil.rmtree(directory)
        except FileNotFoundError:
            continue  # something in it went away by itself
        except OSError as error:
            if time.monotonic() > until:
                raise CouldNotRunError(f"{directory}: can't be removed: {error.strerror or error}") from error
            time.sleep(0.1)
