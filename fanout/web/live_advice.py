"""The advice on a run while it is in progress, and at its end. A process of its own finds it, when a page asks."""

from __future__ import annotations

import threading
import time

from fanout.errors import FanoutError, NoDataError
from fanout.json_object import JsonObject
from fanout.web.analyst import Analyst
from fanout.web.live import LiveRun

INTERVAL_S = 3.0
"""The least time between two looks at a run in progress."""
SHARE = 50
"""Looking takes at most one part in so many of a run's time, so that it doesn't disturb what it looks at."""


class LiveAdvice:
    """Looks at one run after another. It never waits: a page gets what was found last."""

    def __init__(self, analyst: Analyst) -> None:
        self._analyst = analyst
        self._run: LiveRun | None = None
        self._found: JsonObject = {}
        self._is_final = False
        self._is_looking = False
        self._was_complete = False
        """Whether the run had ended at the last look."""
        self._next_s = 0.0

    def on(self, run: LiveRun) -> JsonObject:
        """The keys `advice` and `result` of the page; None while nothing is known."""
        if run is not self._run:
            self._run, self._found, self._is_final = run, {}, False
            self._was_complete, self._next_s = False, 0.0
        is_due = self._ends_now(run) or (run.has_questions and time.monotonic() >= self._next_s)
        if is_due and not self._is_final and not self._is_looking:
            self._is_looking = True
            threading.Thread(target=self._look, args=(run,), daemon=True).start()
        return {"advice": None, "result": None, **self._found}

    def _ends_now(self, run: LiveRun) -> bool:
        """Whether the run has ended since the last look."""
        return run.is_complete and not self._was_complete

    def _look(self, run: LiveRun) -> None:
        is_final, took_s, began_s = run.is_complete, 0.0, time.monotonic()
        self._was_complete = is_final
        try:
            info = None if is_final else run.info_so_far()
            prepared_s = time.monotonic() - began_s
            answer = self._analyst.advise(run.directory, info)
            found, took_s = _shown(answer, is_final=is_final), prepared_s + answer["took_s"]
        except NoDataError as error:
            found = {"advice": None, "result": _unknown(str(error)) if is_final else None}
        except FanoutError as error:  # there may be an answer later
            found, is_final = {**self._found, "result": _unknown(str(error)) if is_final else None}, False
        finally:
            self._is_looking = False
        if run is self._run:
            self._found, self._is_final = found, is_final
            self._next_s = time.monotonic() + max(INTERVAL_S, SHARE * took_s)


def _shown(answer: JsonObject, *, is_final: bool) -> JsonObject:
    count, items = answer["questions"], answer["items"]
    about = f"all questions ({count})" if is_final else f"the questions so far ({count})"
    advice = None if items is None else {"about": about, "items": items}
    return {"advice": advice, "result": answer.get("result")}


def _unknown(why: str) -> JsonObject:
    return {"verdict": None, "cause": None, "lines": [why]}
