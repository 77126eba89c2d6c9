"""A sweep's directory: one process at a time may use it, and the remains of unfinished runs are removed."""

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
"""After a sweep is killed, its runs end by themselves, but may go on writing for this long."""


@contextlib.contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """Locks the directory against other sweep processes. Raises CouldNotRunError if one holds the lock."""
    with (directory / PLAN_FILE).open("rb") as plan:
        try:
            fcntl.flock(plan, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when this process ends, however it ends
        except BlockingIOError:
            raise CouldNotRunError(f"{directory}: another process is running this sweep; wait until it ends") from None
        except OSError:
            pass  # the file system has no locks
        yield


def finished_run(directory: Path) -> Run | None:
    """The run in this directory if it is complete, else None."""
    try:
        run = read_run(directory)
    except NoDataError:
        return None
    complete = run.info.ended_by == "rounds_done" and run.info.questions.dispatched is not None
    return run if complete else None


def remove_run(directory: Path) -> None:
    """Removes what a run has left, if anything. Raises CouldNotRunError if it can't."""
    until = time.monotonic() + LET_GO_S
    while directory.exists() or directory.is_symlink():
        try:
            shutil.rmtree(directory)
        except FileNotFoundError:
            continue  # a run that is still ending removed a file meanwhile
        except OSError as error:
            if time.monotonic() > until:
                raise CouldNotRunError(f"{directory}: can't be removed: {error.strerror or error}") from error
            time.sleep(0.1)
