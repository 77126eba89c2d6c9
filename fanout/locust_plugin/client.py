"""`self.client` of a CoordinatorUser: drives a coordinator process from a Locust user."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import gevent
from gevent import Greenlet, GreenletExit
from gevent.event import AsyncResult, Event
from locust.exception import StopUser

from fanout.coordinator.snapshot import Snapshot
from fanout.errors import CouldNotRunError, UsageError
from fanout.outcome import Outcome
from fanout.processes.child import Child
from fanout.runs.schema import ClientInfo, CoordinatorInfo, part_of

ANSWER_S = 5
"""How long a coordinator may take to answer when it has nothing to wait for."""

OnOutcome = Callable[[Outcome], None]
"""Takes the outcome of a question."""

OnFailure = Callable[[CouldNotRunError], None]
"""Takes the reason why the run can't continue: the process died, or its outcomes can't be recorded."""


class Watcher(Protocol):
    """Is told what coordinators are doing while they work."""

    def note(self, snapshot: Snapshot) -> None: ...

    def note_counters(self, info: CoordinatorInfo) -> None:
        """Takes the counters of a coordinator so far."""


class CoordinatorClient:
    """Asks questions through a coordinator process of its own, and reports each to `on_outcome` as it ends.

    Only one greenlet at a time, such as a Locust user, may call round() and ask(); any may call stop() and close().
    The process and the greenlet that reads from it belong to this object; close() ends them.
    """

    def __init__(
        self,
        number: int,
        args: Sequence[str],
        on_outcome: OnOutcome,
        on_failure: OnFailure,
        watcher: Watcher | None = None,
    ) -> None:
        """Starts the process with the arguments `args` (see fanout.coordinator). Raises CouldNotRunError."""
        self.number = number
        """The number of this coordinator in the run, counted from 1."""
        self.settings: ClientInfo | None = None
        """The effective settings of its clients; None until it is ready."""
        self.rounds = 0
        """The rounds that have ended, or were cut short by the end of the run."""
        self.planned = 0
        """The questions to ask: all of each round that has begun, and those of ask()."""
        self.final: CoordinatorInfo | None = None
        """The final counts of the process; None before it reports them, and if it died."""
        self.on_round_ended: Callable[[], None] = lambda: None
        """Called at the end of each round, before round() returns."""
        self.is_one_round = False
        """Whether it does one round. Otherwise, with arrivals, the next one begins when this one's have arrived."""
        self._questions = self._agents = 0
        """The numbers of questions and agents in the scenario."""
        self._on_outcome = on_outcome
        self._on_failure = on_failure
        self._watcher = watcher
        self._ids = itertools.count(1)
        self._waiting: dict[str, AsyncResult] = {}
        self._stopping = False
        self._stopped = Event()
        self._closing = False
        self._reader: Greenlet | None = None
        self._closer: Greenlet | None = None
        watched = [] if watcher is None else ["--watched"]
        self._child = Child(f"coordinator {number}", "fanout.coordinator", [*args, "--number", str(number), *watched])

    def wait_until_ready(self) -> None:
        """Raises CouldNotRunError if the process doesn't get ready, GreenletExit if stop() is called first."""
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
        """Dispatches all questions of the scenario. When all have ended, returns how many there were.

        With arrivals, it returns when all have arrived, unless it is the only round. Raises Locust's StopUser when the
        run is over or the process is gone.
        """
        number = self.rounds + 1
        command = {"do": "round", "round": number, "is_last": self.is_one_round}
        ended = self._command(f"round {number}", self._questions, command)
        self.on_round_ended()
        return int(ended["dispatched"])

    def ask(self, question: str, agent: int | None = None) -> str | None:
        """Asks an agent (counted from 1; None for the next one) a question; returns its answer.

        Returns None if the question fails; its Locust event and questions.csv say why. Raises UsageError for an agent
        that doesn't exist, and what round() raises.
        """
        if not isinstance(question, str):
            raise UsageError(f"a question is a text, not {question!r}")
        if agent is not None and not 1 <= agent <= self._agents:
            raise UsageError(f"no agent {agent}; allowed: 1 to {self._agents}")
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
            raise StopUser from error  # the reader notices it too, and reports it
        result: dict[str, Any] = self._waiting[key].get()
        del self._waiting[key]
        return result

    def stop(self, drain_s: float) -> None:
        """Ends the work: questions in flight get `drain_s`, then they are abandoned. Returns when all are reported.

        A second call can shorten the time.
        """
        self._stopping = True
        if self.settings is None:  # it has asked nothing, and would read the command only when it is ready
            self._child.kill()
            return
        if self._stopped.is_set():
            return
        try:
            self._child.tell({"do": "stop", "drain_s": drain_s})
        except CouldNotRunError:
            return  # the reader notices it too, and reports it
        if not self._stopped.wait(drain_s + ANSWER_S):
            self._closing = True
            self._on_failure(CouldNotRunError(f"{self._child.what} did not stop: its questions in flight are lost"))
            self._child.kill()  # which ends the reader, and so releases those who wait for an answer

    def end(self, drain_s: float) -> None:
        """Ends the work and the process. Waits for the end of the work if that has begun already."""
        if self._stopping:
            self._stopped.wait(drain_s + ANSWER_S)
        else:
            self.stop(drain_s)
        self.close()

    def close(self) -> None:
        """Ends the process; returns when it has ended and everything that it reported is recorded.

        Several greenlets may call it, and again: the first call begins the end, and all wait for it.
        """
        if self._closer is None:
            self._closer = gevent.spawn(self._close)  # which continues if Locust kills the user that called
        self._closer.join()

    def _close(self) -> None:
        self._closing = True
        status = self._child.close()
        if self._reader is not None:
            self._reader.join(ANSWER_S)
            self._reader.kill()  # a listener in the locustfile that hangs must not delay the end
        if status > 0 and self.settings is not None:  # something else ended it cleanly
            ended = f"{self._child.what} ended with exit code {status}{self._child.last_words}"
            self._on_failure(CouldNotRunError(ended))

    def _read(self) -> None:
        """Turns the lines of the process into outcomes and results, until there are no more."""
        failure = None
        try:
            while (message := self._child.listen()) is not None:
                self._take(message)
        except CouldNotRunError as error:  # the outcome could not be recorded
            failure = error
        finally:
            if not self._closing:
                self._stopping = True
                died = f"{self._child.what} died{self._child.by_signal}{self._child.last_words}"
                self._on_failure(failure or CouldNotRunError(died))
            for result in self._waiting.values():
                result.set_exception(StopUser())
            self._stopped.set()

    def _take(self, message: dict[str, Any]) -> None:
        match message["is"]:
            case "outcome":
                self._on_outcome(Outcome.from_json(message))
                if "answer" in message:
                    self._end(f"ask {message['question_id']}", message)
            case "round_ended":
                self.rounds += 1
                self._end(f"round {message['round']}", message)
            case "snapshot" if self._watcher is not None:
                self._watcher.note(part_of(Snapshot, message))
            case "counters" if self._watcher is not None:
                self._watcher.note_counters(part_of(CoordinatorInfo, message["coordinator"]))
            case "stopped":
                self.final = part_of(CoordinatorInfo, message["coordinator"])
                self._stopped.set()

    def _end(self, key: str, message: dict[str, Any]) -> None:
        if key in self._waiting:  # the user that waited for it may have been killed
            self._waiting[key].set(message)
