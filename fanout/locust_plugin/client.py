"""`self.client` of a CoordinatorUser: a coordinator process, driven from a Locust user."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from gevent import Greenlet, GreenletExit
from gevent.event import AsyncResult, Event
from locust.exception import StopUser

from fanout.errors import CouldNotRunError, UsageError
from fanout.outcome import Outcome
from fanout.processes.child import MESSAGE_ABOVE, Child
from fanout.runs.schema import ClientInfo, CoordinatorInfo, part_of

ANSWER_S = 5
"""How long a coordinator may take to answer when it has nothing to wait for."""

OnOutcome = Callable[[Outcome, int], None]
"""Takes each question's end and the size of its response in bytes."""

OnFailure = Callable[[CouldNotRunError], None]
"""Takes the reason why the run can't go on: the process died, or what it reports can't be recorded."""


class CoordinatorClient:
    """Asks questions through a coordinator process of its own, and reports each to `on_outcome` as it ends.

    round() and ask() are for one greenlet at a time, as a Locust user is; stop() and close() for any. The process and
    the greenlet that reads from it belong to this object alone: others end them by close().
    """

    def __init__(self, number: int, args: Sequence[str], on_outcome: OnOutcome, on_failure: OnFailure) -> None:
        """Starts the process, whose arguments are `args`: see fanout.coordinator. Raises CouldNotRunError."""
        self.number = number
        """Which coordinator of the run this is, counted from 1."""
        self.settings: ClientInfo | None = None
        """The effective settings of its clients; None until it is ready."""
        self.rounds = 0
        """That have ended, or were cut short by the run's end."""
        self.planned = 0
        """Questions that were to be asked: all of each round that was begun, and those asked singly."""
        self.final: CoordinatorInfo | None = None
        """What the process had counted in the end; None until it has reported, and for ever if it died before."""
        self.on_round_ended: Callable[[], None] = lambda: None
        """Is called at the end of each round, before round() returns."""
        self._questions = self._agents = 0
        """Of the scenario."""
        self._on_outcome = on_outcome
        self._on_failure = on_failure
        self._ids = itertools.count(1)
        self._waiting: dict[str, AsyncResult] = {}
        self._stopping = False
        self._stopped = Event()
        self._closing = False
        self._reader: Greenlet | None = None
        self._closer: Greenlet | None = None
        self._child = Child(f"coordinator {number}", "fanout.coordinator", [*args, "--number", str(number)])

    def wait_until_ready(self) -> None:
        """Raises CouldNotRunError where the process doesn't get ready, GreenletExit where stop() came first."""
        try:
            ready = self._child.expect("ready")
        except CouldNotRunError:
            if self._stopping:
                raise GreenletExit from None
            raise
        if self._stopping:
            raise GreenletExit
        self.settings = part_of(ClientInfo, ready["client"])
        self._questions, self._agents = int(ready["questions"]), int(ready["agents"])
        self._reader = gevent.spawn(self._read)

    def round(self) -> int:
        """Dispatches all of the scenario's questions; returns how many were, once each has ended.

        Raises Locust's StopUser when the run is over or the process is gone.
        """
        number = self.rounds + 1
        ended = self._command(f"round {number}", self._questions, {"do": "round", "round": number})
        self.on_round_ended()
        return int(ended["dispatched"])

    def ask(self, question: str, agent: int | None = None) -> str | None:
        """Asks one question of an agent (counted from 1; left out: the next in turn); returns its answer.

        A question that fails returns None; why is in its Locust event and in questions.csv. Raises UsageError for an
        agent that doesn't exist, and what round() raises.
        """
        if not isinstance(question, str):
            raise UsageError(f"a question is a text, not {question!r}")
        if agent is not None and not 1 <= agent <= self._agents:
            raise UsageError(f"no agent {agent}; there are 1 to {self._agents}")
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
            raise StopUser from error  # the reader notices it as well, and reports it
        result: dict[str, Any] = self._waiting[key].get()
        del self._waiting[key]
        return result

    def stop(self, drain_s: float) -> None:
        """Ends the work: questions in flight get `drain_s`, then they are abandoned. Returns when all are reported.

        A second call with a shorter time is obeyed.
        """
        self._stopping = True
        if self.settings is None:  # it has asked nothing, and would notice only when it is ready
            self._child.kill()
            return
        if self._stopped.is_set():
            return
        try:
            self._child.tell({"do": "stop", "drain_s": drain_s})
        except CouldNotRunError:
            return  # the reader notices it as well, and reports it
        if not self._stopped.wait(drain_s + ANSWER_S):
            self._closing = True
            self._on_failure(CouldNotRunError(f"{self._child.what} did not stop: what it had in flight is lost"))
            self._child.kill()  # which ends the reader, and so frees those who wait for an answer

    def close(self) -> None:
        """Ends the process; returns when it has ended and all that it said is reported.

        May be called again, and by several greenlets: the first call begins it, and all wait for the same end.
        """
        if self._closer is None:
            self._closer = gevent.spawn(self._close)  # which goes on if Locust kills the user that called
        self._closer.join()

    def _close(self) -> None:
        self._closing = True
        status = self._child.close()
        if self._reader is not None:
            self._reader.join(ANSWER_S)
            self._reader.kill()  # a listener in the locustfile that hangs must not hold up the end
        if status > 0 and self.settings is not None:  # something else ended it, in order
            self._on_failure(CouldNotRunError(f"{self._child.what} ended with exit code {status}; {MESSAGE_ABOVE}"))

    def _read(self) -> None:
        """The reader: turns the process's lines into outcomes and results, until there are no more."""
        failure = None
        try:
            while (message := self._child.listen()) is not None:
                self._take(message)
        except CouldNotRunError as error:  # the outcome could not be recorded
            failure = error
        finally:
            if not self._closing:
                self._stopping = True
                died = f"{self._child.what} died{self._child.by_signal}; {MESSAGE_ABOVE}"
                self._on_failure(failure or CouldNotRunError(died))
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
