"""The analyst: a child process that reads, judges and compares stored runs for the web pages.

Locust's process never imports the libraries that read runs while a run is in progress: they would take CPU time and
memory from it, and they start threads.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from fanout.errors import CouldNotRunError, NoDataError
from fanout.json_object import JsonObject
from fanout.processes.child import Child

MODULE = "fanout.web.analysis_process"
START_S, CLOSE_S = 60.0, 1.0
OVERVIEW_S, ADVISE_S, COMPARE_S, REPORT_S = 60.0, 60.0, 120.0, 300.0
"""The default timeouts, several times what the largest runs take."""


class Analyst:
    """The handle on the process, which starts with the first question and again after it was lost.

    Any number of threads (or greenlets) may ask; they are answered one after another. On Linux the process ends with
    the thread that started it, see tie_to_parent(): then the next question starts another one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._last = 0
        """The number of the last command."""
        self._is_closed = False

    def overview(self, directories: Sequence[Path], timeout_s: float = OVERVIEW_S) -> JsonObject:
        """{"rows": […]}: a RunRow of _overview.py for each run, in order; one that can't be read has a `problem`."""
        return self.ask({"do": "overview", "runs": list(map(str, directories))}, timeout_s)

    def advise(self, directory: Path, info: JsonObject | None = None, timeout_s: float = ADVISE_S) -> JsonObject:
        """{"questions", "items"} for a run in progress, whose run.json is `info` so far; both None if it is too large.

        Without `info`, the run has ended, and there is its {"result": {"verdict", "cause", "lines"}} as well.
        """
        return self.ask({"do": "advise", "directory": str(directory), "info": info}, timeout_s)

    def compare(self, directories: Sequence[Path], timeout_s: float = COMPARE_S) -> JsonObject:
        """The comparison with the first run. `runs` and the `run` of advice are positions in `directories`."""
        return self.ask({"do": "compare", "runs": list(map(str, directories))}, timeout_s)

    def report(self, directories: Sequence[Path], timeout_s: float = REPORT_S) -> str:
        """The HTML report on one run, or on several that are compared with the first."""
        found = self.ask({"do": "report", "runs": list(map(str, directories))}, timeout_s)
        return str(found["html"])

    def ask(self, command: JsonObject, timeout_s: float) -> JsonObject:
        """The answer to a command. Raises NoDataError for what can't be read, CouldNotRunError if there is no answer.

        A process that takes longer than `timeout_s` is killed.
        """
        if not self._lock.acquire(timeout=timeout_s):
            raise CouldNotRunError(f"the analysis of runs has been busy for {timeout_s:g} s; try again later")
        try:
            answer = self._answer(self._started(), command, timeout_s)
        finally:
            self._lock.release()
        if answer["is"] == "answer":
            return answer
        why = str(answer.get("why"))
        raise NoDataError(why) if answer["is"] == "refused" else CouldNotRunError(why)

    def close(self) -> None:
        """Ends the process, also while it works on an answer, for good."""
        self._is_closed = True
        child = self._child
        if child is not None:
            child.close(CLOSE_S)

    def _started(self) -> Child:
        if self._child is not None and not self._child.alive:
            self._forget(self._child)
        if self._is_closed:
            raise CouldNotRunError("the analysis of runs has been closed")
        if self._child is None:
            self._child = child = Child("the analysis of runs", MODULE, [])
            if self._is_closed:  # meanwhile, by another thread
                child.kill()
            try:
                child.expect("ready", START_S)
            except BaseException:
                self._forget(child)
                raise
        return self._child

    def _answer(self, child: Child, command: JsonObject, timeout_s: float) -> JsonObject:
        self._last += 1
        until = time.monotonic() + timeout_s
        try:
            child.tell({**command, "id": self._last})
            while (answer := child.listen(max(0.0, until - time.monotonic()))) is not None:
                if answer.get("id") == self._last:  # and not that of an earlier command whose thread was killed
                    return answer
        except queue.Empty:
            self._forget(child)
            raise CouldNotRunError(
                f"the analysis took longer than {timeout_s:g} s, so it was ended: ask for fewer or smaller runs, or "
                "again while no run is in progress"
            ) from None
        ended = f"the analysis of runs ended{child.by_signal} before it had an answer{child.last_words}; try again"
        self._forget(child)
        raise CouldNotRunError(ended)

    def _forget(self, child: Child) -> None:
        self._child = None
        child.kill()
        child.close(CLOSE_S)
