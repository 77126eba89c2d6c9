"""Faults of an answer, which is late, wrong, cut off, too large or missing."""

from __future__ import annotations

import http
import json
from collections.abc import Iterable, Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from fanout.scenario.faults._base import Answer, QuestionFault, Request

_CHUNK = 65_536
_JSON = ("Content-Type", "application/json")
_SERVICE_TIME = ("Server-Timing", "service;dur=0")


def _json(body: bytes) -> Answer:
    return Answer("200 OK", [_JSON, _SERVICE_TIME], body)


def _filled(first: bytes, size: int, last: bytes) -> Iterator[bytes]:
    """A body of `size` bytes, in pieces."""
    yield first
    for begin in range(len(first) + len(last), size, _CHUNK):
        yield b"x" * min(_CHUNK, size - begin)
    yield last


def _not_0(value: int) -> int:
    if not value:
        raise ValueError("that is no fault")
    return value


class Delay(QuestionFault):
    """Answers `delay_s` late."""

    kind: Literal["delay"]
    delay_s: float = Field(ge=0, le=3600, description="seconds, 0 to 3600")

    def inject(self, request: Request) -> Iterable[bytes]:
        request.sleep(self.delay_s)
        return request.passed_on()


class HttpStatus(QuestionFault):
    """Refuses immediately, with an HTTP status, all questions or those above a rate."""

    kind: Literal["status"]
    code: int = Field(ge=400, le=599, description="an HTTP status, 400 to 599")
    retry_after_s: int | None = Field(
        None, ge=0, le=86_400, description="whole seconds for the header Retry-After, 0 to 86400; left out, no header"
    )
    above_per_s: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="a whole number, 1 to 10000: questions a second that the agent answers, refusing the others; left "
        "out, it answers none",
    )

    def inject(self, request: Request) -> Iterable[bytes]:
        if self.above_per_s is not None and request.is_within(self.above_per_s):
            return request.passed_on()
        known = {status.value: status.phrase for status in http.HTTPStatus}
        headers = [_JSON]
        if self.retry_after_s is not None:
            headers.append(("Retry-After", str(self.retry_after_s)))
        body = json.dumps({"error": "refused by a fault in the scenario"}).encode()
        return request.respond(Answer(f"{self.code} {known.get(self.code, 'Refused')}", headers, body))


class Redirect(QuestionFault):
    """Redirects to its own route with a trailing slash (HTTP 307), and answers there."""

    kind: Literal["redirect"]
    redirects: ClassVar[bool] = True

    def inject(self, request: Request) -> Iterable[bytes]:
        if request.redirected:
            return request.passed_on()
        return request.respond(Answer("307 Temporary Redirect", [("Location", f"{request.path}/")], b""))


class Http10(QuestionFault):
    """Answers in HTTP/1.0, without a header about the connection, which it then closes."""

    kind: Literal["http_1_0"]
    needs_sockets: ClassVar[bool] = True

    def inject(self, request: Request) -> Iterable[bytes]:
        answer = request.answer()
        request.send(answer.http_1_0_head(), answer.body)
        request.close()


class ResetAfterHeaders(QuestionFault):
    """Sends the headers of the answer, then resets the connection."""

    kind: Literal["reset_after_headers"]
    needs_sockets: ClassVar[bool] = True

    def inject(self, request: Request) -> Iterable[bytes]:
        answer = request.answer()
        request.send(answer.head(len(answer.body)))
        request.reset()


class CloseAfterResponse(QuestionFault):
    """Answers and announces keep-alive, then closes the connection."""

    kind: Literal["close_after_response"]
    needs_sockets: ClassVar[bool] = True

    def inject(self, request: Request) -> Iterable[bytes]:
        answer = request.answer()
        request.send(answer.head(len(answer.body)), answer.body)
        request.close()


class TruncatedBody(QuestionFault):
    """Closes the connection in the middle of the body."""

    kind: Literal["truncated_body"]
    needs_sockets: ClassVar[bool] = True

    def inject(self, request: Request) -> Iterable[bytes]:
        answer = request.answer()
        request.send(answer.head(len(answer.body)), answer.body[: len(answer.body) // 2])
        request.close()


class WrongLength(QuestionFault):
    """Announces more bytes than it sends, or fewer."""

    kind: Literal["wrong_length"]
    needs_sockets: ClassVar[bool] = True
    by_bytes: Annotated[int, AfterValidator(_not_0)] = Field(
        10,
        ge=-1_000_000,
        le=1_000_000,
        description="bytes announced beyond the body's length, -1000000 to 1000000, not 0; negative announces fewer",
    )

    def inject(self, request: Request) -> Iterable[bytes]:
        answer = request.answer()
        request.send(answer.head(max(0, len(answer.body) + self.by_bytes)), answer.body)
        request.leave()


class DrippingBody(QuestionFault):
    """Sends the body in small pieces, one every `interval_s`."""

    kind: Literal["dripping_body"]
    needs_sockets: ClassVar[bool] = True
    interval_s: float = Field(0.1, gt=0, le=60, description="seconds between two pieces, more than 0, up to 60")
    piece_bytes: int = Field(1, ge=1, le=1_048_576, description="bytes in a piece, 1 to 1048576")

    def inject(self, request: Request) -> Iterable[bytes]:
        answer = request.answer()
        request.send(answer.head(len(answer.body)))
        for begin in range(0, len(answer.body), self.piece_bytes):
            request.sleep(self.interval_s)
            request.send(answer.body[begin : begin + self.piece_bytes])
        request.leave()


class NoAnswer(QuestionFault):
    """Accepts the question and never answers."""

    kind: Literal["no_answer"]
    needs_sockets: ClassVar[bool] = True

    def inject(self, request: Request) -> Iterable[bytes]:
        request.wait_for_client_to_leave()


class NotJson(QuestionFault):
    """Answers with an HTML page that is labelled as JSON."""

    kind: Literal["not_json"]

    def inject(self, request: Request) -> Iterable[bytes]:
        return request.respond(_json(b"<html><body>It works!</body></html>"))


class WrongShape(QuestionFault):
    """Answers with JSON that breaks the protocol."""

    kind: Literal["wrong_shape"]

    def inject(self, request: Request) -> Iterable[bytes]:
        return request.respond(_json(b'{"result":{"text":42}}'))


class DeepNesting(QuestionFault):
    """Answers with deeply nested lists."""

    kind: Literal["deep_nesting"]
    depth: int = Field(100_000, ge=1, le=10_000_000, description="the number of nested lists, 1 to 10000000")

    def inject(self, request: Request) -> Iterable[bytes]:
        return request.respond(_json(b'{"events":' + b"[" * self.depth + b"]" * self.depth + b"}"))


class NotUtf8(QuestionFault):
    """Answers with bytes that are not UTF-8."""

    kind: Literal["not_utf8"]

    def inject(self, request: Request) -> Iterable[bytes]:
        return request.respond(_json(b'{"events":"\xff\xfe\xfd"}'))


class HugeBody(QuestionFault):
    """Answers with a body of `size_bytes` without announcing its length."""

    kind: Literal["huge_body"]
    size_bytes: int = Field(67_108_864, ge=1, le=2**40, description="bytes, 1 to 1099511627776")

    def inject(self, request: Request) -> Iterable[bytes]:
        request.read_question()
        return request.stream("200 OK", [_JSON, _SERVICE_TIME], _filled(b'{"events":"', self.size_bytes, b'"}'))


class SecondResponse(QuestionFault):
    """Answers twice, so that the second answer takes the place of the next question's."""

    kind: Literal["second_response"]
    needs_sockets: ClassVar[bool] = True

    def inject(self, request: Request) -> Iterable[bytes]:
        answer = request.answer()
        request.send(2 * (answer.head(len(answer.body)) + answer.body))
        request.leave()
