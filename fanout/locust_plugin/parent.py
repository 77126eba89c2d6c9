"""Obeys the process that started this Locust, if it has given pipes: see fanout.processes.locust_process."""

from __future__ import annotations

import contextlib
import os
import signal

import gevent
import gevent.os
from gevent.event import Event

from fanout.processes.locust_process import LIFELINE_VARIABLE, READY_VARIABLE


class Parent:
    """The two pipes of the parent, if any. When it closes the lifeline, on purpose or by dying, this process ends."""

    def __init__(self) -> None:
        self._may_begin = Event()
        self._ready = os.environ.get(READY_VARIABLE)
        if self._ready is None:
            self._may_begin.set()
        if lifeline := os.environ.get(LIFELINE_VARIABLE):
            gevent.spawn(self._obey, int(lifeline))

    def await_begin(self) -> None:
        """Reports that a user is ready; returns when its questions may go out."""
        if self._ready is not None and not self._may_begin.is_set():
            with contextlib.suppress(OSError):  # the parent is gone, which ends the lifeline too
                os.write(int(self._ready), b"!")
            self._may_begin.wait()

    def wait_no_longer(self) -> None:
        """Releases those who wait in await_begin()."""
        self._may_begin.set()

    def _obey(self, lifeline: int) -> None:
        while gevent.os.tp_read(lifeline, 1):
            self._may_begin.set()
        os.kill(os.getpid(), signal.SIGTERM)
