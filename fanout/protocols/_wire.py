"""The interface of a protocol, and what protocols share: messages, refusals and JSON."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fanout.json_object import JsonObject
from fanout.text import shorten

QUESTION_ID_HEADER = "Fanout-Question-Id"
"""A header on every request, besides the protocol's own: agents draw a question's service time from its id."""

JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


@dataclass(frozen=True)
class Question:
    """One unit of work, independent of a protocol."""

    id: str
    text: str


@dataclass(frozen=True)
class Message:
    """An HTTP request or response, as far as a protocol sees it. Header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An agent's answer: a JSON body, and the time in ms that the agent spent on parts of the protocol, by name."""

    body: JsonObject
    spent_ms: Mapping[str, float] = field(default_factory=dict)


class BadRequest(Exception):  # noqa: N818 (werkzeug's name for it)
    """The agent can't answer a request and refuses it with a 4xx status."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class BadResponse(Exception):  # noqa: N818
    """The coordinator received a response that breaks the protocol. The message says what was expected and received."""


class CoordinatorEnd(ABC):
    """The coordinator's side of a protocol; each coordinator has one instance."""

    @abstractmethod
    def encode(self, question: Question) -> Message:
        """The request's headers and body."""

    @abstractmethod
    def decode(self, body: JsonObject) -> str:
        """The answer's text, from a response's JSON object. Raises BadResponse."""


class AgentEnd(ABC):
    """The agent's side of a protocol; each agent has one instance."""

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
        """A refusal's JSON body, in the protocol's own format."""


@dataclass(frozen=True)
class Protocol:
    """Both ends of one protocol. `coordinator` and `agent` create an end; `agent` takes the agent's id."""

    path: str
    coordinator: Callable[[], CoordinatorEnd]
    agent: Callable[[str], AgentEnd]
    method: str = "POST"
    carries_text: bool = True
    """Whether questions and answers have a text."""


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
    """The text at this path of keys and indexes; None if there is no text."""
    for step in steps:
        if isinstance(step, str) and isinstance(body, dict):
            body = body.get(step)
        elif isinstance(step, int) and isinstance(body, list) and step < len(body):
            body = body[step]
        else:
            return None
    return body if isinstance(body, str) else None


def first_event(body: JsonObject) -> Any:  # noqa: ANN401
    """The first event of a response. Raises BadResponse."""
    events = body.get("events")
    if not isinstance(events, list) or not events:
        raise BadResponse(f"expected a list of events, got {shown(dict(body))}")
    return events[0]


def shown(value: object, most: int = 80) -> str:
    """A received value as JSON, shortened, for the end of a message."""
    return shorten(json.dumps(value, ensure_ascii=True, default=repr), most)
