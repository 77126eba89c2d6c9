"""Injects faults into questions: selects the questions, and implements what a fault can do to their requests.

The questions are drawn by (seed, question id), so that the same question gets the same fault at the same agent in every
run. An agent's warm-up request never gets a fault. fanout/scenario/faults/ defines what each fault does,
agent_faults.py injects those of all questions of an agent, and connection_faults.py those of its connections.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from werkzeug.wsgi import get_input_stream

from fanout.protocols import QUESTION_ID_HEADER
from fanout.scenario import Scenario
from fanout.scenario.faults import Answer, Headers, QuestionFault
from workers.agent_faults import AgentFaults
from workers.app import BELOW, WARM_UP_HEADER
from workers.connection_faults import Sleep, reset, swallow
from workers.server import CONNECTION, Dropped, Environ, Sent, WsgiApp

_CHUNK = 65_536


@dataclass(frozen=True)
class FaultyRequest:
    """A request that gets a fault. It implements fanout.scenario.faults.Request."""

    app: WsgiApp
    environ: Environ
    start_response: Callable[..., Any]
    sleep: Sleep
    path: str
    redirected: bool
    faults: AgentFaults
    """The faults that concern all of the agent's questions."""

    def is_within(self, per_s: int) -> bool:
        return self.faults.is_within(per_s)

    @property
    def connection(self) -> socket.socket:
        connection: socket.socket = self.environ[CONNECTION]
        return connection

    def passed_on(self) -> Iterable[bytes]:
        return self.app({**self.environ, "PATH_INFO": self.path}, self._start)

    def _start(self, status: str, headers: Headers, *rest: Any) -> Any:  # noqa: ANN401
        return self.start_response(status, self.faults.headers(headers), *rest)

    def answer(self) -> Answer:
        started: list[Any] = []
        body = b"".join(self.app(self.environ, lambda *args: started.extend(args)))
        status, headers, *_ = started
        sent = self.faults.headers(headers)
        return Answer(status, [(name, value) for name, value in sent if name != "Content-Length"], body)

    def read_question(self) -> None:
        body = get_input_stream(self.environ)
        while body.read(_CHUNK):
            pass

    def respond(self, answer: Answer) -> Iterable[bytes]:
        self.read_question()
        self._start(answer.status, [*answer.headers, ("Content-Length", str(len(answer.body)))])
        return [answer.body]

    def stream(self, status: str, headers: Headers, body: Iterable[bytes]) -> Iterable[bytes]:
        self._start(status, headers)
        return body

    def send(self, *pieces: bytes) -> None:
        self.connection.sendall(b"".join(pieces))

    def leave(self) -> NoReturn:
        raise Sent

    def close(self) -> NoReturn:
        raise Dropped

    def reset(self) -> NoReturn:
        reset(self.connection)
        raise Dropped

    def wait_for_client_to_leave(self) -> NoReturn:
        swallow(self.connection)
        raise Dropped


def is_drawn(fault: QuestionFault, number: int, seed: int, question_id: str) -> bool:
    """Whether a question gets the fault with this number in the scenario's list. The same in every process."""
    return random.Random(f"{seed}:fault {number}:{question_id}").random() < fault.share  # noqa: S311 (nothing secret)


def _question_faults(scenario: Scenario, agent: int) -> list[tuple[int, QuestionFault]]:
    """The possible faults of an agent's questions, each with its number in the scenario's list."""
    return [
        (number, fault)
        for number, fault in enumerate(scenario.workers.faults)
        if isinstance(fault, QuestionFault) and fault.concerns(agent)
    ]


def fault_of(scenario: Scenario, agent: int, question_id: str) -> QuestionFault | None:
    """The fault of a question to an agent, counted from 1: the first in the scenario's list that is drawn for it."""
    for number, fault in _question_faults(scenario, agent):
        if is_drawn(fault, number, scenario.seed, question_id):
            return fault
    return None


def faulty(app: WsgiApp, scenario: Scenario, agent: int, faults: AgentFaults, *, path: str, sleep: Sleep) -> WsgiApp:
    """Wraps the app of an agent, counted from 1, to inject the scenario's faults into questions to `path`.

    `faults` are those that concern all of its questions.
    """
    if not faults and not _question_faults(scenario, agent):
        return app
    header, warm_up = (f"HTTP_{name.upper().replace('-', '_')}" for name in (QUESTION_ID_HEADER, WARM_UP_HEADER))

    def serve(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        question_id, asked = environ.get(header), environ["PATH_INFO"]
        is_below = asked.startswith(BELOW)
        redirected = asked.endswith(f"{path}/") if is_below else asked == f"{path}/"
        route = asked.removesuffix("/") if redirected else asked
        if question_id is None or warm_up in environ or not (route.endswith(path) if is_below else route == path):
            return app(environ, start_response)
        fault = fault_of(scenario, agent, question_id)
        if redirected and not (fault and fault.redirects):
            return app(environ, start_response)
        with faults.serving():
            request = FaultyRequest(app, environ, start_response, sleep, route, redirected, faults)
            return request.passed_on() if fault is None else fault.inject(request)

    return serve
