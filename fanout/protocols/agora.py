"""AGORA as sent by the Agora SDK 0.2.0: natural language without a negotiated protocol document.

    POST /  {"protocolHash": null, "body": QUESTION, "protocolSources": []}
            → {"status": "success", "body": ANSWER}

In the SDK an agent's error is a 200 with {"status": "error", …}. Here a request that can't be read is a 4xx.
"""

from __future__ import annotations

from fanout.json_object import JsonObject
from fanout.protocols._wire import (
    JSON_HEADERS,
    AgentEnd,
    BadRequest,
    BadResponse,
    CoordinatorEnd,
    Message,
    Protocol,
    Question,
    Reply,
    request_object,
    shown,
    text_at,
    to_json,
)


class AgoraCoordinator(CoordinatorEnd):
    def encode(self, question: Question) -> Message:
        return Message(JSON_HEADERS, to_json({"protocolHash": None, "body": question.text, "protocolSources": []}))

    def decode(self, body: JsonObject) -> str:
        if body.get("status") != "success":
            raise BadResponse(f'expected "status": "success", got {shown(dict(body))}')
        answer = text_at(body, "body")
        if answer is None:
            raise BadResponse(f"expected a text as body, got {shown(body.get('body'))}")
        return answer


class AgoraAgent(AgentEnd):
    def read(self, request: Message) -> str:
        text = text_at(request_object(request), "body")
        if text is None:
            raise BadRequest("body is missing or not text")
        return text

    def write(self, answer: str) -> Reply:
        return Reply({"status": "success", "body": answer})

    def refuse(self, refusal: BadRequest) -> JsonObject:
        return {"status": "error", "message": refusal.reason}


PROTOCOL = Protocol(path="/", coordinator=AgoraCoordinator, agent=AgoraAgent)
