"""A child process that exchanges JSON lines with this one: the fleet, or a coordinator."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from fanout.errors import CouldNotRunError
from fanout.paths import INSTALLED, ROOT
from fanout.processes.child_side import GAVE_UP, PARENT_VARIABLE, not_started, signal_name


def child_environment() -> dict[str, str]:
    """This process's environment, extended so that a child can import our packages from any folder."""
    if INSTALLED:  # they can be imported anyway; and site-packages must not precede the standard library
        return dict(os.environ)
    paths = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


class Child:
    """`python -m MODULE ARGS…` as a child that ends when its standard input ends. Raises CouldNotRunError.

    Each end of a pipe belongs to one thread, which alone uses and then closes it. Any number of threads (or greenlets,
    in a process patched by gevent) may therefore talk to the child and close it at the same time. Whatever gevent
    patches is looked up when it is used, so the class works with both.
    """

    def __init__(self, what: str, module: str, args: Sequence[str]) -> None:
        self.what = what
        self._to_send: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        """Lines for the child; None ends its input."""
        self._received: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        """Messages from the child; None after the last."""
        self._why = ""
        """Why the child can't do its work, if it has said so."""
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
        self._threads = [threading.Thread(target=end, daemon=True) for end in (self._write, self._read)]
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:  # the system can't start another thread, or this greenlet is being killed
            self.kill()
            self._process.wait()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def tell(self, message: Mapping[str, Any]) -> None:
        """Sends one line without waiting for the child to read it. Raises CouldNotRunError if the child is gone."""
        if self._process.returncode is not None:
            raise CouldNotRunError(f"{self.what} is gone")
        self._to_send.put(json.dumps(message).encode() + b"\n")

    def listen(self, timeout_s: float | None = None) -> dict[str, Any] | None:
        """The next message; None after the last. Raises queue.Empty after `timeout_s`."""
        message = self._received.get(timeout=timeout_s)
        if message is None:
            self._received.put(None)  # for the next listener
        return message

    def expect(self, what: str, timeout_s: float = 60) -> dict[str, Any]:
        """The next message, which must be of kind `what`. Raises CouldNotRunError if the child ends or is too slow."""
        try:
            message = self.listen(timeout_s)
        except queue.Empty:
            self.kill()
            raise CouldNotRunError(
                f"{self.what} was not {what} within {timeout_s:g} s; reduce the load on this machine"
            ) from None
        if message is not None and message.get("is") == what:
            return message
        raise CouldNotRunError(f"{self.what} ended{self.by_signal} before it was {what}{self.last_words}")

    @property
    def last_words(self) -> str:
        """Why the child has ended, as the end of a sentence."""
        return f": {self._why}" if self._why else "; its own message, if any, is above"

    @property
    def by_signal(self) -> str:
        """The signal that ended a child, e.g. " by SIGKILL"; empty if none did. To be used after its last message."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        status = self._process.returncode or 0
        return f" by {signal_name(-status)}" if status < 0 else ""

    def kill(self) -> None:
        """Kills the child and its session, unless it has ended."""
        if self.alive:  # otherwise another process may have its number by now
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self, timeout_s: float = 3) -> int:
        """Ends the child's input, kills the child if it still runs after `timeout_s`, and returns its exit status.

        It may be called again and concurrently. Each call returns when the child has ended and all of its messages can
        be received.
        """
        self._to_send.put(None)
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self._process.wait()
        for thread in self._threads:
            thread.join(timeout_s)  # a process that the child left behind may hold a pipe open
        self._received.put(None)
        return status

    def _write(self) -> None:
        """The body of the only thread that writes to the child."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError), self._process.stdin as pipe:  # the child may have ended
            while (line := self._to_send.get()) is not None:
                pipe.write(line)
                pipe.flush()

    def _read(self) -> None:
        """The body of the only thread that reads from the child."""
        assert self._process.stdout is not None
        try:
            with self._process.stdout as pipe:
                for line in pipe:
                    if line.endswith(b"\n"):  # otherwise the child died while writing it
                        self._take(json.loads(line))
        finally:
            self._received.put(None)

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("is") == GAVE_UP:
            self._why = str(message["why"])
        else:
            self._received.put(message)
