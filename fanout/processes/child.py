"""A process of ours that is spoken to in JSON lines: the fleet and the coordinators."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fanout.errors import CouldNotRunError
from fanout.paths import INSTALLED, ROOT
from fanout.processes.child_side import PARENT_VARIABLE, not_started, signal_name

MESSAGE_ABOVE = "its own message, if any, stands above"


def child_environment() -> dict[str, str]:
    """This process's environment, in which a child finds our packages whatever folder it runs in."""
    if INSTALLED:  # it finds them by itself; site-packages must not come before the standard library
        return dict(os.environ)
    paths = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


class Child:
    """`python -m MODULE ARGS…` as a child that ends when its standard input does. Raises CouldNotRunError.

    Works the same in a plain process and in one that gevent has patched: `subprocess` is looked up when used.
    """

    def __init__(self, what: str, module: str, args: Sequence[str]) -> None:
        self.what = what
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                [sys.executable, "-m", module, *args],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**child_environment(), PARENT_VARIABLE: str(os.getpid())},
                start_new_session=True,  # Ctrl-C is for the parent, which then ends its children in order
            )
        except OSError as error:
            raise not_started(what, error) from error

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def tell(self, message: Mapping[str, Any]) -> None:
        """Sends one line. Raises CouldNotRunError if the child is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise CouldNotRunError(f"{self.what} is gone") from error

    def listen(self) -> dict[str, Any] | None:
        """The next line; None when there will be no more."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            return None
        message: dict[str, Any] = json.loads(line)
        return message

    def expect(self, what: str, timeout_s: float = 60) -> dict[str, Any]:
        """The next line, which must be `what`. Raises CouldNotRunError if the child ended, or took too long."""
        overdue = threading.Timer(timeout_s, self.kill)
        overdue.daemon = True  # or it would hold up the exit of a process that is interrupted meanwhile
        began = time.monotonic()
        overdue.start()
        try:
            message = self.listen()
        finally:
            overdue.cancel()
        if message is not None and message.get("is") == what:
            return message
        if time.monotonic() - began >= timeout_s:
            raise CouldNotRunError(f"{self.what} was not {what} within {timeout_s:g} s; give this machine less to do")
        raise CouldNotRunError(f"{self.what} ended{self.by_signal} before it was {what}; {MESSAGE_ABOVE}")

    @property
    def by_signal(self) -> str:
        """Of a child that says no more: which signal ended it, e.g. " by SIGKILL"; empty if none did."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        status = self._process.returncode or 0
        return f" by {signal_name(-status)}" if status < 0 else ""

    def kill(self) -> None:
        """Kills the child and all of its session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end_input(self) -> None:
        """Ends the child's standard input, for which it exits."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it may be gone already
            self._process.stdin.close()

    def close(self, timeout_s: float = 3) -> int:
        """Ends standard input, waits, kills what is still there after `timeout_s`; returns the exit status."""
        assert self._process.stdout is not None
        self.end_input()
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self._process.wait()
        self._process.stdout.close()
        return status
