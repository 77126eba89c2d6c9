"""One question's way to an agent and back, with its times."""

from __future__ import annotations

import asyncio
import math
import re
import time
from dataclasses import dataclass
from typing import Any

import anyio
import httpx

from fanout.clients import AgentClients
from fanout.connections import ConnectionLog, Watch
from fanout.failures import BadStatus, DeadlineExceeded, explain
from fanout.outcome import Outcome, Status
from fanout.protocols import QUESTION_ID_HEADER, BadResponse, CoordinatorEnd, Question
from fanout.scenario import Client

_METRIC = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*")+')
_PARAMETER = re.compile(r';\s*([^=;\s]+)\s*=\s*("(?:\\.|[^"\\])*"|[^;]*)')


@dataclass(frozen=True)
class Labels:
    """What a question's row says of where it belongs. Agents are counted from 0 here, from 1 in the row."""

    round: int
    coordinator: int
    agent: int
    in_flight: int


@dataclass(frozen=True)
class Ended:
    """What came of a question."""

    outcome: Outcome
    answer: str | None
    """The agent's text, of an ok question."""
    response_bytes: int
    """Size of the response's body; 0 where none came."""


class Exchange:
    """Asks questions through a coordinator's clients."""

    def __init__(self, settings: Client, clients: AgentClients, end: CoordinatorEnd, log: ConnectionLog) -> None:
        self._settings = settings
        self._clients = clients
        self._end = end
        self._log = log

    async def ask(self, question: Question, labels: Labels) -> Ended:
        """Asks once and never raises.

        A question cancelled in flight ends as `abandoned`, and so does its task's cancellation: whoever cancels must
        see to it that nothing more is asked.
        """
        trip = _Trip(Watch(self._log))
        answer = None
        try:
            with anyio.move_on_after(self._settings.deadline_s) as scope:
                answer = await self._go(question, labels.agent, trip)
            if scope.cancelled_caught:
                raise DeadlineExceeded
        except asyncio.CancelledError:
            return trip.ended(question, labels, "abandoned", ("stopped", "the run ended while it was in flight"))
        except Exception as error:  # noqa: BLE001 (a failed question never ends its agent's loop, whatever it was)
            return trip.ended(question, labels, "failed", explain(error, self._settings))
        return trip.ended(question, labels, "ok", answer=answer)

    async def _go(self, question: Question, agent: int, trip: _Trip) -> str:
        request = self._end.encode(question)
        trip.encoded = time.perf_counter()
        response = await self._clients.post(
            agent,
            request.body,
            {**request.headers, QUESTION_ID_HEADER: question.id},
            {"trace": trip.watch},
        )
        trip.received = time.perf_counter()
        trip.response = response
        return self._end.decode(_json_object(response))


class _Trip:
    """What is noted on the way."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.started = time.time()
        self.began = time.perf_counter()
        self.encoded: float | None = None
        self.received: float | None = None
        self.response: httpx.Response | None = None

    def ended(
        self,
        question: Question,
        labels: Labels,
        status: Status,
        failure: tuple[str, str] | None = None,
        answer: str | None = None,
    ) -> Ended:
        now = time.perf_counter()
        round_trip_ms = (now - self.began) * 1000
        service_ms = service_time_ms(self.response) if self.response is not None else None
        stream = self.response.extensions.get("network_stream") if self.response is not None else None
        kind, error = failure or (None, None)
        outcome = Outcome(
            question_id=question.id,
            round=labels.round,
            coordinator=labels.coordinator,
            agent=labels.agent + 1,
            status=status,
            error_kind=kind,
            error=error,
            started=self.started,
            round_trip_ms=round_trip_ms,
            service_ms=service_ms,
            adapter_ms=None if service_ms is None else round_trip_ms - service_ms,
            encode_ms=None if self.encoded is None else (self.encoded - self.began) * 1000,
            decode_ms=None if self.received is None else (now - self.received) * 1000,
            reused=self.watch.reused,
            connection=self.watch.connection(stream),
            in_flight=labels.in_flight,
        )
        return Ended(outcome, answer, len(self.response.content) if self.response is not None else 0)


def service_time_ms(response: httpx.Response) -> float | None:
    """The agent's own service time, from `Server-Timing: service;dur=MS`; None where it doesn't say."""
    for metric in _METRIC.findall(response.headers.get("server-timing", "")):
        name, *_ = metric.split(";", 1)
        if name.strip() != "service":
            continue
        for parameter, value in _PARAMETER.findall(metric):
            if parameter.lower() == "dur":
                return _milliseconds(value.strip().strip('"'))
    return None


def _milliseconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _json_object(response: httpx.Response) -> dict[str, Any]:
    """The response's body as a JSON object. Raises BadStatus or BadResponse."""
    if not response.is_success:
        raise BadStatus(f"HTTP {response.status_code} {response.reason_phrase}: {_beginning(response)}")
    content_type = response.headers.get("content-type", "none").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise BadResponse(f"expected application/json, got {content_type}: {_beginning(response)}")
    try:
        body = response.json()
    except (ValueError, RecursionError):
        raise BadResponse(f"expected JSON, got {_beginning(response)}") from None
    if not isinstance(body, dict):
        raise BadResponse(f"expected a JSON object, got {_beginning(response)}")
    return body


def _beginning(response: httpx.Response, most: int = 80) -> str:
    text = response.content[: most + 1].decode("ascii", errors="backslashreplace")
    return repr(text if len(text) <= most else text[:most] + "...")
