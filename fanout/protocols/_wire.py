"""What a protocol has to say, and the words it says it in."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fanout.json_object import JsonObject
from fanout.text import shorten

QUESTION_ID_HEADER = "Fanout-Question-Id"
"""Beside the protocol's own format on every request: the agents draw a question's service time by its id."""

JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


@dataclass(frozen=True)
class Question:
    """One unit of work, before any protocol."""

    id: str
    text: str


@dataclass(frozen=True)
class Message:
    """An HTTP message of either direction, as far as a protocol sees it. Header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What an agent answers: a JSON body, and what it spent on the protocol besides, by name in ms."""

    body: JsonObject
    spent_ms: Mapping[str, float] = field(default_factory=dict)


class BadRequest(Exception):  # noqa: N818 (werkzeug's word for it)
    """The agent's end: a request that can't be answered; becomes a 4xx."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class BadResponse(Exception):  # noqa: N818
    """The coordinator's end: a response that isn't the protocol's; says what was expected and what came."""


class CoordinatorEnd(ABC):
    """Made once in a coordinator."""

    @abstractmethod
    def encode(self, question: Question) -> Message:
        """The request's headers and body."""

    @abstractmethod
    def decode(self, body: JsonObject) -> str:
        """The answer's text, out of a response's JSON object. Raises BadResponse."""


class AgentEnd(ABC):
    """Made once in an agent."""

    def __init__(self, agent_id: str) -> None:
        self.agent_id = agent_id

    @abstractmethod
    def read(self, request: Message) -> str:
        """The question's text. Raises BadRequest."""

    @abstractmethod
    def write(self, answer: str) -> Reply:
        """The reply that carries an answer."""

    @abstractmethod
    def refuse(self, refusal: BadRequest) -> JsonObject:
        """A refusal's JSON body, in the protocol's own form."""


@dataclass(frozen=True)
class Protocol:
    """Both ends of one protocol. `coordinator` and `agent` make an end; the latter is given the agent's id."""

    path: str
    coordinator: Callable[[], CoordinatorEnd]
    agent: Callable[[str], AgentEnd]
    method: str = "POST"


def to_json(body: JsonObject) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def request_object(request: Message) -> JsonObject:
    """A request's body as a JSON object. Raises BadRequest."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise BadRequest("the content type is not application/json", status=415)
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object")
    return body


def text_at(body: Any, *steps: str | int) -> str | None:  # noqa: ANN401
    """The text that stands under these keys and indexes, or None where something else does."""
    for step in steps:
        if isinstance(step, str) and isinstance(body, dict):
            body = body.get(step)
        elif isinstance(step, int) and isinstance(body, list) and step < len(body):
            body = body[step]
        else:
            return None
    return body if isinstance(body, str) else None


def first_event(body: JsonObject) -> Any:  # noqa: ANN401
    """The first of a response's events. Raises BadResponse."""
    events = body.get("events")
    if not isinstance(events, list) or not events:
        raise BadResponse(f"expected a list of events, got {shown(dict(body))}")
    return events[0]


def shown(value: object, most: int = 80) -> str:
    """A value as it came, shortened, for the end of a message."""
    return shorten(json.dumps(value, ensure_ascii=True, default=repr), most)
