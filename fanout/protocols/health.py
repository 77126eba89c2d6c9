"""Not an agent protocol but the minimum: a request to the health check, which shows what HTTP alone costs.

GET /health  → {"ok": true, "agent_id": ID}
"""

from __future__ import annotations

from fanout.json_object import JsonObject
from fanout.protocols._wire import (
    AgentEnd,
    BadRequest,
    BadResponse,
    CoordinatorEnd,
    Message,
    Protocol,
    Question,
    Reply,
    shown,
)


class HealthCoordinator(CoordinatorEnd):
    def encode(self, question: Question) -> Message:
        return Message({"Accept": "application/json"}, b"")

    def decode(self, body: JsonObject) -> str:
        if body.get("ok") is not True:
            raise BadResponse(f'expected "ok": true, got {shown(dict(body))}')
        return "ok"


class HealthAgent(AgentEnd):
    def read(self, request: Message) -> str:
        return ""

    def write(self, answer: str) -> Reply:
        return Reply({"ok": True, "agent_id": self.agent_id})

    def refuse(self, refusal: BadRequest) -> JsonObject:
        return {"ok": False, "message": refusal.reason}


PROTOCOL = Protocol(path="/health", coordinator=HealthCoordinator, agent=HealthAgent, method="GET", carries_text=False)
