"""Blocking calls on asyncio's default executor, like those of coordinators that wrap an LLM's SDK in `to_thread`.

A call holds one of the executor's threads and does nothing else: all that matters is that the thread is not available
for anything else, such as a name lookup.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from fanout.runs.schema import ExecutorUse

Release = Callable[[], None]


class BlockingCalls:
    """Makes blocking calls, and counts the threads that they hold."""

    def __init__(self) -> None:
        self.made = 0
        self.max_busy = 0
        """The most threads held at the same time."""
        self.busy = 0
        """The threads held now."""
        self._lock = threading.Lock()

    def begin(self) -> Release:
        """Begins a call on the running loop's default executor. The function returned ends it, even if still queued."""
        over = threading.Event()
        self.made += 1
        asyncio.get_running_loop().run_in_executor(None, self._block, over)
        return over.set

    def _block(self, over: threading.Event) -> None:
        if over.is_set():  # it was still queued when its question ended
            return
        with self._lock:
            self.busy += 1
            self.max_busy = max(self.max_busy, self.busy)
        over.wait()
        with self._lock:
            self.busy -= 1

    def use_of(self, threads: int) -> ExecutorUse:
        """The use of the executor, which has this many threads."""
        return ExecutorUse(threads=threads, blocking_calls=self.made, max_busy_threads=self.max_busy)
