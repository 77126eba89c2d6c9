"""A2A's message/send.

    POST /message  {"id": NS, "params": {"message": {"messageId": ID, "role": "user",
                                                     "parts": [{"kind": "text", "text": QUESTION}]}}}
            → {"events": [{"kind": "message", "role": "agent", "messageId": UUID, …,
                           "parts": [{"kind": "text", "text": ANSWER, "metadata": null}]}]}

The agent passes its answer through an event queue, as the A2A server does, and reports how long that took.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque

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
    first_event,
    request_object,
    shown,
    text_at,
    to_json,
)

Event = JsonObject


class A2ACoordinator(CoordinatorEnd):
    def encode(self, question: Question) -> Message:
        message = {
            "messageId": f"{question.id}-{uuid.uuid4().hex}",
            "role": "user",
            "parts": [{"kind": "text", "text": question.text}],
        }
        return Message(JSON_HEADERS, to_json({"id": str(time.time_ns()), "params": {"message": message}}))

    def decode(self, body: JsonObject) -> str:
        event = first_event(body)
        answer = text_at(event, "parts", 0, "text")
        if answer is None:
            raise BadResponse(f"expected a text at events[0].parts[0].text, got {shown(event)}")
        return answer


class EventQueue:
    """The agent's events in order of arrival. One lock guards both ends."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._lock = threading.Lock()

    def enqueue(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)

    def dequeue(self, message_id: str) -> Event:
        """Removes and returns the event with this messageId. Raises KeyError if there is none."""
        with self._lock:
            for event in self._events:
                if event["messageId"] == message_id:
                    self._events.remove(event)
                    return event
        raise KeyError(message_id)


class A2AAgent(AgentEnd):
    def __init__(self, agent_id: str) -> None:
        super().__init__(agent_id)
        self.queue = EventQueue()

    def read(self, request: Message) -> str:
        text = text_at(request_object(request), "params", "message", "parts", 0, "text")
        if text is None:
            raise BadRequest("params.message.parts[0].text is missing or not text")
        return text

    def write(self, answer: str) -> Reply:
        message_id = str(uuid.uuid4())
        event = {
            "kind": "message",
            "role": "agent",
            "messageId": message_id,
            "contextId": None,
            "taskId": None,
            "metadata": None,
            "parts": [{"kind": "text", "text": answer, "metadata": None}],
        }
        began = time.perf_counter()
        self.queue.enqueue(event)
        events = [self.queue.dequeue(message_id)]
        waited_ms = (time.perf_counter() - began) * 1000
        return Reply({"events": events}, spent_ms={"event_queue": waited_ms})

    def refuse(self, refusal: BadRequest) -> JsonObject:
        return {"error": {"code": refusal.status, "message": refusal.reason}}


PROTOCOL = Protocol(path="/message", coordinator=A2ACoordinator, agent=A2AAgent)
