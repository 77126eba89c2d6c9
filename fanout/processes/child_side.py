"""The child's side of a child process: it ends with its parent, handles signals, and parses commands."""

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

from fanout.errors import CouldNotRunError, ExitCode, FanoutError, UsageError

if TYPE_CHECKING:
    import asyncio  # not at run time: the agents' processes are forked from one that imports this, and don't need it

ENDING = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a process to shut down cleanly."""
PARENT_VARIABLE = "FANOUT_PARENT"
"""Holds the process id of a child's parent. It is not set for a process that was started by hand."""
GAVE_UP = "gave_up"
"""The kind of message by which a child says why it ends."""
_REMEDIES = {
    errno.EAGAIN: "allow this user more processes (ulimit -u), or use fewer agents or users",
    errno.ENOMEM: "give this machine more memory, or use fewer agents or users",
    errno.EMFILE: "allow more open files (ulimit -n), or use fewer agents or users",
    errno.ENFILE: "allow the system more open files (fs.file-max), or use fewer agents or users",
}
"""What to do if the system refuses to start another process, by errno."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def not_started(what: str, error: OSError) -> CouldNotRunError:
    """The error for a process that can't be started, such as "agent 3": why, and what to do."""
    remedy = f"; {_REMEDIES[error.errno]}" if error.errno in _REMEDIES else ""
    return CouldNotRunError(f"{what} can't be started: {error.strerror}{remedy}")


def tie_to_parent(parent: int | None = None, ended_by: signal.Signals = signal.SIGKILL) -> None:
    """Makes Linux kill this process when `parent` dies. The default parent is the one in PARENT_VARIABLE, if any.

    On all systems a child ends when the pipe from its parent is closed, but a process that is stopped or hangs doesn't
    notice. Linux kills it nevertheless, when the thread that started it ends.
    """
    if parent is None:
        if PARENT_VARIABLE not in os.environ:
            return
        parent = int(os.environ[PARENT_VARIABLE])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ended_by)
    if os.getppid() != parent:  # the parent has died already
        os._exit(ExitCode.NO_DATA)


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Blocks SIGINT and SIGTERM during a fork: Python drops exceptions that handlers raise within its fork hooks."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def signal_name(number: int) -> str:
    """A signal's name, or `signal NUMBER` for real-time signals, which have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def cancel_at_signals(task: asyncio.Task[None]) -> None:
    """Makes the first SIGINT or SIGTERM cancel a task. Later ones are ignored, so that the task can clean up."""
    loop = task.get_loop()

    def cancel() -> None:
        for number in ENDING:
            loop.add_signal_handler(number, int)
        task.cancel()

    for number in ENDING:
        loop.add_signal_handler(number, cancel)


def give_up(program: str, error: FanoutError) -> ExitCode:
    """Says why this process can't do its work, to its parent or else on standard error. Returns its exit code."""
    if PARENT_VARIABLE in os.environ:
        os.write(1, json.dumps({"is": GAVE_UP, "why": str(error)}).encode() + b"\n")
    else:
        sys.stderr.write(f"{program}: {error}\n")
    return error.exit_code


def command_of(line: bytes) -> Any:  # noqa: ANN401
    """The command in a line of standard input. Raises UsageError if it isn't JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a command: {line!r}") from error
