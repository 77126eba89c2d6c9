"""What goes wrong with the questions that an agent is asked, by its scenario's `workers.faults`.

Which questions are struck is drawn by (seed, question id), so that the same question meets the same fault at the same
agent in every run. An agent's first request is its warm-up: nothing is struck before. To add a fault, add its class to
fanout/scenario/faults.py and what it does here, in a function that @does marks; what strikes connections rather than
questions is in connection_faults.py.
"""

from __future__ import annotations

import http
import json
import os
import random
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from werkzeug.wsgi import get_input_stream

from fanout.protocols import QUESTION_ID_HEADER
from fanout.scenario import Scenario, faults
from workers.app import WARM_UP_HEADER
from workers.connection_faults import Sleep, reset
from workers.server import CONNECTION, Dropped, Sent, WsgiApp

Headers = list[tuple[str, str]]

_CHUNK = 65_536
_JSON = ("Content-Type", "application/json")
_SERVICE_TIME = ("Server-Timing", "service;dur=0")


@dataclass(frozen=True)
class Answer:
    """A response before it goes out; its headers include no length of the body."""

    status: str
    headers: Headers
    body: bytes

    def head(self, length: int) -> bytes:
        """What precedes the body on the wire, announcing this length and to keep the connection."""
        fields = [*self.headers, ("Content-Length", str(length)), ("Connection", "keep-alive")]
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in fields)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


@dataclass(frozen=True)
class Struck:
    """A request that a fault strikes."""

    app: WsgiApp
    environ: dict[str, Any]
    start_response: Callable[..., Any]
    sleep: Sleep

    @property
    def connection(self) -> socket.socket:
        connection: socket.socket = self.environ[CONNECTION]
        return connection

    def passed_on(self) -> Iterable[bytes]:
        """What the agent does without the fault."""
        return self.app(self.environ, self.start_response)

    def answer(self) -> Answer:
        """What the agent would answer, after it has thought about it."""
        said: list[Any] = []
        body = b"".join(self.app(self.environ, lambda *given: said.extend(given)))
        status, headers, *_ = said
        return Answer(status, [(name, value) for name, value in headers if name != "Content-Length"], body)

    def read_question(self) -> None:
        """Takes the request's body, unread: what is left of it would reset the connection where that is closed."""
        body = get_input_stream(self.environ)
        while body.read(_CHUNK):
            pass

    def respond(self, answer: Answer) -> Iterable[bytes]:
        """Answers that instead, as a server does."""
        self.read_question()
        self.start_response(answer.status, [*answer.headers, ("Content-Length", str(len(answer.body)))])
        return [answer.body]

    def send(self, *pieces: bytes) -> None:
        self.connection.sendall(b"".join(pieces))

    def until_the_client_goes(self) -> NoReturn:
        """Waits for the other end, and for nothing else."""
        while self.connection.recv(_CHUNK):
            pass
        raise Dropped


Do = Callable[[Any, Struck], Iterable[bytes]]
F = TypeVar("F", bound=Do)

_DO: dict[type[faults.QuestionFault], Do] = {}


def does(kind: type[faults.QuestionFault]) -> Callable[[F], F]:
    """Marks what a kind of fault does."""

    def mark(do: F) -> F:
        _DO[kind] = do
        return do

    return mark


def _json(body: bytes) -> Answer:
    return Answer("200 OK", [_JSON, _SERVICE_TIME], body)


@does(faults.Delay)
def _delay(fault: faults.Delay, struck: Struck) -> Iterable[bytes]:
    struck.sleep(fault.delay_s)
    return struck.passed_on()


@does(faults.HttpStatus)
def _status(fault: faults.HttpStatus, struck: Struck) -> Iterable[bytes]:
    known = {status.value: status.phrase for status in http.HTTPStatus}
    headers = [_JSON]
    if fault.retry_after_s is not None:
        headers.append(("Retry-After", str(fault.retry_after_s)))
    body = json.dumps({"error": "refused by a fault in the scenario"}).encode()
    return struck.respond(Answer(f"{fault.code} {known.get(fault.code, 'Refused')}", headers, body))


@does(faults.ResetAfterHeaders)
def _reset_after_headers(_fault: faults.ResetAfterHeaders, struck: Struck) -> Iterable[bytes]:
    answer = struck.answer()
    struck.send(answer.head(len(answer.body)))
    reset(struck.connection)
    raise Dropped


@does(faults.CloseAfterResponse)
def _close_after_response(_fault: faults.CloseAfterResponse, struck: Struck) -> Iterable[bytes]:
    answer = struck.answer()
    struck.send(answer.head(len(answer.body)), answer.body)
    raise Dropped


@does(faults.TruncatedBody)
def _truncated_body(_fault: faults.TruncatedBody, struck: Struck) -> Iterable[bytes]:
    answer = struck.answer()
    struck.send(answer.head(len(answer.body)), answer.body[: len(answer.body) // 2])
    raise Dropped


@does(faults.WrongLength)
def _wrong_length(fault: faults.WrongLength, struck: Struck) -> Iterable[bytes]:
    answer = struck.answer()
    struck.send(answer.head(max(0, len(answer.body) + fault.by_bytes)), answer.body)
    raise Sent


@does(faults.DrippingBody)
def _dripping_body(fault: faults.DrippingBody, struck: Struck) -> Iterable[bytes]:
    answer = struck.answer()
    struck.send(answer.head(len(answer.body)))
    for byte in answer.body:
        struck.sleep(fault.interval_s)
        struck.send(bytes([byte]))
    raise Sent


@does(faults.NoAnswer)
def _no_answer(_fault: faults.NoAnswer, struck: Struck) -> Iterable[bytes]:
    struck.until_the_client_goes()


@does(faults.NotJson)
def _not_json(_fault: faults.NotJson, struck: Struck) -> Iterable[bytes]:
    return struck.respond(_json(b"<html><body>It works!</body></html>"))


@does(faults.WrongShape)
def _wrong_shape(_fault: faults.WrongShape, struck: Struck) -> Iterable[bytes]:
    return struck.respond(_json(b'{"result":{"text":42}}'))


@does(faults.DeepNesting)
def _deep_nesting(fault: faults.DeepNesting, struck: Struck) -> Iterable[bytes]:
    return struck.respond(_json(b'{"events":' + b"[" * fault.depth + b"]" * fault.depth + b"}"))


@does(faults.NotUtf8)
def _not_utf8(_fault: faults.NotUtf8, struck: Struck) -> Iterable[bytes]:
    return struck.respond(_json(b'{"events":"\xff\xfe\xfd"}'))


@does(faults.HugeBody)
def _huge_body(fault: faults.HugeBody, struck: Struck) -> Iterable[bytes]:
    struck.read_question()
    struck.start_response("200 OK", [_JSON, _SERVICE_TIME])
    return _filled(b'{"events":"', fault.size_bytes, b'"}')


def _filled(first: bytes, size: int, last: bytes) -> Iterator[bytes]:
    """So many bytes in pieces, never all at once."""
    yield first
    for begin in range(len(first) + len(last), size, _CHUNK):
        yield b"x" * min(_CHUNK, size - begin)
    yield last


@does(faults.SecondResponse)
def _second_response(_fault: faults.SecondResponse, struck: Struck) -> Iterable[bytes]:
    answer = struck.answer()
    struck.send(2 * (answer.head(len(answer.body)) + answer.body))
    raise Sent


@does(faults.Crash)
def _crash(fault: faults.Crash, _struck: Struck) -> Iterable[bytes]:
    os._exit(fault.exit_status)


@does(faults.Hang)
def _hang(_fault: faults.Hang, _struck: Struck) -> Iterable[bytes]:
    # All threads of the process, until the fleet kills it. Raised in this one, which otherwise goes on for a moment.
    signal.raise_signal(signal.SIGSTOP)
    raise Dropped


def strikes(fault: faults.QuestionFault, number: int, seed: int, question_id: str) -> bool:
    """Whether a fault, the scenario's fault of this number, strikes a question. The same in every process."""
    return random.Random(f"{seed}:fault {number}:{question_id}").random() < fault.share  # noqa: S311 (nothing secret)


def _on_questions_of(scenario: Scenario, agent: int) -> list[tuple[int, faults.QuestionFault]]:
    """The faults that can strike an agent's questions, each with its number in the scenario's list."""
    return [
        (number, fault)
        for number, fault in enumerate(scenario.workers.faults)
        if isinstance(fault, faults.QuestionFault) and fault.concerns(agent)
    ]


def struck_by(scenario: Scenario, agent: int, question_id: str) -> faults.QuestionFault | None:
    """What strikes a question that comes to an agent, counted from 1: the first in the scenario's list that does."""
    for number, fault in _on_questions_of(scenario, agent):
        if strikes(fault, number, scenario.seed, question_id):
            return fault
    return None


def faulty(app: WsgiApp, scenario: Scenario, agent: int, *, path: str, sleep: Sleep) -> WsgiApp:
    """The app of an agent, counted from 1, with the scenario's faults on the questions that come to `path`."""
    if not _on_questions_of(scenario, agent):
        return app
    header, warm_up = (f"HTTP_{name.upper().replace('-', '_')}" for name in (QUESTION_ID_HEADER, WARM_UP_HEADER))

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        question_id = environ.get(header)
        if question_id is None or warm_up in environ or environ["PATH_INFO"] != path:
            return app(environ, start_response)
        fault = struck_by(scenario, agent, question_id)
        if fault is None:
            return app(environ, start_response)
        return _DO[type(fault)](fault, Struck(app, environ, start_response, sleep))

    return serve
