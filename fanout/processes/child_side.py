"""A process of ours: whose death it does not outlive, what a signal does to it, and what a line on its input says."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fanout.errors import CouldNotRunError, ExitCode, UsageError

if TYPE_CHECKING:
    import asyncio  # which the agents' processes, that are forked from one that imports this, have no use for

ENDING = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a process to end in order."""
PARENT_VARIABLE = "FANOUT_PARENT"
"""Holds the process number of whoever started a child to be spoken to; not there for a process run by hand."""
_ROOM = {
    errno.EAGAIN: "allow this user more processes (ulimit -u), or have fewer agents or users",
    errno.ENOMEM: "give this machine more memory, or have fewer agents or users",
    errno.EMFILE: "allow more open files (ulimit -n), or have fewer agents or users",
    errno.ENFILE: "allow the system more open files (fs.file-max), or have fewer agents or users",
}
"""What to do where the system refuses another process, by its reason."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def not_started(what: str, error: OSError) -> CouldNotRunError:
    """Of a process that can't be started, such as "agent 3": why, and what to do."""
    remedy = f"; {_ROOM[error.errno]}" if error.errno in _ROOM else ""
    return CouldNotRunError(f"{what} can't be started: {error.strerror}{remedy}")


def tie_to_parent(parent: int | None = None) -> None:
    """Has this process killed when `parent` dies, by default the one that PARENT_VARIABLE names, if any.

    A process that is stopped or hangs can't notice that the pipe from its parent has ended, which is the way that works
    everywhere. Linux kills it all the same, when the thread that started it ends.
    """
    if parent is None:
        if PARENT_VARIABLE not in os.environ:
            return
        parent = int(os.environ[PARENT_VARIABLE])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has died already
        os._exit(ExitCode.NO_DATA)


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """SIGINT and SIGTERM wait meanwhile: Python drops what a handler raises in the hooks of a fork."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def signal_name(number: int) -> str:
    """A signal as people know it; real-time signals have no names."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def cancel_at_signals(task: asyncio.Task[None]) -> None:
    """SIGINT and SIGTERM cancel a task, once: what it does in its end is not to be broken off."""
    loop = task.get_loop()

    def cancel() -> None:
        for again in ENDING:
            loop.add_signal_handler(again, int)
        task.cancel()

    for first in ENDING:
        loop.add_signal_handler(first, cancel)


def command_of(line: bytes) -> Any:  # noqa: ANN401
    """What a line on standard input says. Raises UsageError for one that isn't JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a command: {line!r}") from error
