"""A locustfile for overhead.py: the suite's coordinator, and Locust's own clients with the same questions.

    locust -f benchmarks/locust_clients.py Coordinator|Requests|Fast

The environment has ADDRESSES, QUESTIONS (of all users together) and OUT, a file for a JSON object of what was measured
from the first question's event to the last.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, HttpUser, events, task
from locust.env import Environment
from locust.exception import StopUser

from fanout.locust_plugin.user import CoordinatorUser

QUESTIONS = int(os.environ["QUESTIONS"])
ADDRESSES = deque(os.environ["ADDRESSES"].split(","))
queue = deque(range(1, QUESTIONS + 1))
adapter_ms: list[float] = []
marks: list[tuple[float, float]] = []
"""Wall and CPU time at each question's event."""


class Coordinator(CoordinatorUser):
    @task
    def round(self) -> None:
        self.client.round()


def ask(client: Any) -> None:  # noqa: ANN401
    """Asks the next question, until none is left."""
    if not queue:
        raise StopUser
    number = queue.popleft()
    text = f"Question {number} of {QUESTIONS}: what did agent number {number} find out?"
    message = {"messageId": str(number), "role": "user", "parts": [{"kind": "text", "text": text}]}
    body = {"id": str(time.time_ns()), "params": {"message": message}}
    began = time.perf_counter()
    response = client.post("/message", json=body, headers={"Fanout-Question-Id": str(number)})
    response.json()["events"][0]["parts"][0]["text"]
    service = response.headers["server-timing"].split("service;dur=")[1].split(",")[0]
    adapter_ms.append((time.perf_counter() - began) * 1000 - float(service))


class Requests(HttpUser):
    host = "one of ADDRESSES"

    def on_start(self) -> None:
        self.client.base_url = ADDRESSES.popleft()

    @task
    def ask(self) -> None:
        ask(self.client)


class Fast(FastHttpUser):
    host = "http://127.0.0.1"

    def on_start(self) -> None:
        self.client.base_url = ADDRESSES.popleft()

    @task
    def ask(self) -> None:
        ask(self.client)


@events.init.add_listener  # type: ignore[untyped-decorator]
def measure(environment: Environment, **_: object) -> None:
    def note(response_time: float | None, context: dict[str, Any] | None = None, **_: object) -> None:
        marks.append((time.perf_counter(), time.process_time()))
        if context and "adapter_ms" in context and response_time is not None:
            adapter_ms.append(response_time)
        if len(marks) == QUESTIONS and context and "adapter_ms" in context:
            write()
        elif len(marks) == QUESTIONS:
            gevent.spawn_later(0.2, finish)  # when the last answer has been decoded

    def finish() -> None:
        write()
        if environment.runner is not None:
            environment.runner.quit()

    def write() -> None:
        (began, cpu), (ended, cpu_at_end) = marks[0], marks[-1]
        found = {
            "adapter_ms": adapter_ms,
            "cpu_ms": (cpu_at_end - cpu) * 1000 / (QUESTIONS - 1),
            "per_s": (QUESTIONS - 1) / (ended - began),
        }
        Path(os.environ["OUT"]).write_text(json.dumps(found), encoding="utf-8")

    environment.events.request.add_listener(note)
