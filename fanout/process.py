"""A process of ours, as its parent and the system treat it: whose death it doesn't outlive, and what a signal does."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys

from fanout.errors import ExitCode

PARENT_VARIABLE = "FANOUT_PARENT"
"""Holds the process number of whoever started a child to be spoken to; not there for a process run by hand."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


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


def cancel_at_signals(task: asyncio.Task[None]) -> None:
    """SIGINT and SIGTERM cancel a task of the running loop, once: what it does in its end is not to be broken off."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def cancel() -> None:
        for again in signals:
            loop.add_signal_handler(again, int)
        task.cancel()

    for first in signals:
        loop.add_signal_handler(first, cancel)
