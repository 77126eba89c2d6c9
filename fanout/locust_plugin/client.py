"""`self.client` of a CoordinatorUser: a coordinator process, driven from a Locust user."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from gevent.event import AsyncResult, Event
from locust.exception import StopUser

from fanout.errors import CouldNotRunError, UsageError
from fanout.outcome import Outcome
from fanout.processes.child import MESSAGE_ABOVE, Child
from fanout.runs.schema import CoordinatorInfo, part_of

ANSWER_S = 5
"""How long a coordinator may take to answer when it has nothing to wait for."""

OnOutcome = Callable[[Outcome, int], None]
"""Is given each question's end and the size of its response in bytes."""

OnGone = Callable[[CouldNotRunError], None]
"""Is told when the process has died, or what it tells can't be recorded."""


class CoordinatorClient:
    """Asks questions through a coordinator process of its own, and reports each to `on_outcome` as it ends.

    To be used by one greenlet at a time, as a Locust user does.
    """

    def __init__(self, number: int, args: Sequence[str], on_outcome: OnOutcome, on_gone: OnGone) -> None:
        """`args` are the process's; see fanout.coordinator."""
        self.number = number
        """Which coordinator of the run this is, counted from 1."""
        self.rounds = 0
        """That have ended, or were cut short by the run's end."""
        self.planned = 0
        """Questions that were to be asked: all of each round that was begun, and those asked singly."""
        self.final: CoordinatorInfo | None = None
        """What the process had counted in the end; None as long as it hasn't told, and for ever if it died before."""
        self.on_round_ended: Callable[[], None] = lambda: None
        """Is called at the end of each round, before round() returns."""
        self._on_outcome = on_outcome
        self._on_gone = on_gone
        self._ids = itertools.count(1)
        self._waiting: dict[str, AsyncResult] = {}
        self._stopped = Event()
        self._stopping = False
        self._closing = False
        self._child = Child(f"coordinator {number}", "fanout.coordinator", [*args, "--number", str(number)])
        try:
            self.ready = self._child.expect("ready")
        except BaseException:
            self._child.close()
            raise
        self._reader = gevent.spawn(self._read)

    def round(self) -> int:
        """Dispatches all of the scenario's questions; returns how many were, once each has ended.

        Raises Locust's StopUser when the run is over or the process is gone.
        """
        number = self.rounds + 1
        ended = self._command(f"round {number}", self.ready["questions"], {"do": "round", "round": number})
        self.on_round_ended()
        return int(ended["dispatched"])

    def ask(self, question: str, agent: int | None = None) -> str | None:
        """Asks one question of an agent (counted from 1; left out: the next in turn); returns its answer.

        A question that fails returns None; why is in its Locust event and in questions.csv. Raises UsageError for an
        agent that doesn't exist, and what round() raises.
        """
        if not isinstance(question, str):
            raise UsageError(f"a question is a text, not {question!r}")
        if agent is not None and not 1 <= agent <= int(self.ready["agents"]):
            raise UsageError(f"no agent {agent}; there are 1 to {self.ready['agents']}")
        question_id = f"ask-{next(self._ids)}"
        command = {"do": "ask", "id": question_id, "text": question, "agent": agent}
        answer: str | None = self._command(f"ask {question_id}", 1, command)["answer"]
        return answer

    def _command(self, key: str, questions: int, command: dict[str, Any]) -> dict[str, Any]:
        """Sends a command, and waits for the line that ends it."""
        if self._stopping:
            raise StopUser
        self.planned += questions
        self._waiting[key] = AsyncResult()
        try:
            self._child.tell(command)
        except CouldNotRunError as error:
            raise StopUser from error  # _read() has noticed it as well, and says so
        result: dict[str, Any] = self._waiting[key].get()
        del self._waiting[key]
        return result

    def stop(self, drain_s: float) -> None:
        """Ends the work: questions in flight get `drain_s`, then they are abandoned. Returns when all are reported.

        A second call with a shorter time is obeyed.
        """
        self._stopping = True
        if self._stopped.is_set():
            return
        try:
            self._child.tell({"do": "stop", "drain_s": drain_s})
        except CouldNotRunError:
            return  # _read() has noticed it as well, and says so
        if not self._stopped.wait(drain_s + ANSWER_S):
            self._closing = True
            self._on_gone(CouldNotRunError(f"{self._child.what} did not stop: what it had in flight is lost"))
            self._child.kill()  # which frees whoever waits for it

    def close(self) -> None:
        """Ends the process. Raises CouldNotRunError where something else has ended it, if in order."""
        self._closing = True
        status = self._child.close()
        self._reader.join(1)
        if status > 0:
            raise CouldNotRunError(f"{self._child.what} ended with exit code {status}; {MESSAGE_ABOVE}")

    def _read(self) -> None:
        """The reader greenlet: turns the process's lines into outcomes and results, until there are no more."""
        gone = None
        try:
            while (message := self._child.listen()) is not None:
                self._take(message)
        except CouldNotRunError as error:  # the outcome could not be recorded
            gone = error
        finally:
            if not self._closing:
                self._stopping = True
                died = f"{self._child.what} died{self._child.by_signal}; {MESSAGE_ABOVE}"
                self._on_gone(gone or CouldNotRunError(died))
            for result in self._waiting.values():
                result.set_exception(StopUser())
            self._stopped.set()

    def _take(self, message: dict[str, Any]) -> None:
        match message["is"]:
            case "outcome":
                self._on_outcome(Outcome.from_json(message), message["response_bytes"])
                if "answer" in message:
                    self._end(f"ask {message['question_id']}", message)
            case "round_ended":
                self.rounds += 1
                self._end(f"round {message['round']}", message)
            case "stopped":
                self.final = part_of(CoordinatorInfo, message["coordinator"])
                self._stopped.set()

    def _end(self, key: str, message: dict[str, Any]) -> None:
        if key in self._waiting:  # the user that waited for it may have been killed
            self._waiting[key].set(message)
