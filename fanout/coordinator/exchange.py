"""One question's way to an agent and back, with its times."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from fanout.coordinator.body import beginning, json_object, read_body
from fanout.coordinator.clients import AgentClients, Response
from fanout.coordinator.event_loop import OBSERVER
from fanout.coordinator.failures import UNEXPECTED, BadStatus, BugReports, DeadlineExceeded, explain
from fanout.coordinator.tracing import Trip
from fanout.outcome import MOST, Outcome, Status
from fanout.protocols import QUESTION_ID_HEADER, BadResponse, CoordinatorEnd, Protocol, Question
from fanout.scenario import ClientSettings

MAX_TIMING_LETTERS = 4096
"""Of a Server-Timing header: a longer one isn't looked at, since taking it apart takes the square of its length."""
_ANSWERED = QUESTION_ID_HEADER.lower()
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

    def __init__(
        self,
        settings: ClientSettings,
        clients: AgentClients,
        protocol: Protocol,
        end: CoordinatorEnd,
        new_trip: Callable[[int], Trip],
        *,
        observed: bool = True,
    ) -> None:
        """`new_trip` makes the notes for a question to an agent.

        Not `observed`, a question has no phases and doesn't know its connection, which serves to measure what
        observing costs.
        """
        self._settings = settings
        self._clients = clients
        self._method = protocol.method
        self._end = end
        self._new_trip = new_trip
        self._observed = observed
        self._bugs = BugReports()

    async def ask(self, question: Question, labels: Labels) -> Ended:
        """Asks once and never raises.

        A question cancelled in flight ends as `abandoned`, and so does its task's cancellation: whoever cancels must
        see to it that nothing more is asked.
        """
        trip = self._new_trip(labels.agent)
        token = OBSERVER.set(trip if self._observed else None)
        response, body, answer, failure = None, b"", None, None
        status: Status = "failed"
        try:
            with anyio.move_on_after(self._settings.deadline_s) as scope:
                response, body = await self._send(question, labels.agent, trip)
                answer = self._end.decode(_said(response, body))
                status = "ok"
            if scope.cancelled_caught:
                raise DeadlineExceeded
        except asyncio.CancelledError:
            status, failure = "abandoned", ("stopped", "the run ended while it was in flight")
        except Exception as error:  # noqa: BLE001 (a failed question never ends its agent's loop, whatever it was)
            failure = kind, sentence = explain(error, self._settings)
            if kind == UNEXPECTED:
                self._bugs.add(error, sentence)
        finally:
            OBSERVER.reset(token)
            trip.release()
        return Ended(
            outcome=self._outcome(question, labels, trip, response=response, status=status, failure=failure),
            answer=answer,
            response_bytes=len(body),
        )

    async def _send(self, question: Question, agent: int, trip: Trip) -> tuple[Response, bytes]:
        """Sends a question; returns the response and its body."""
        message = self._end.encode(question)
        headers = {**message.headers, QUESTION_ID_HEADER: question.id}
        observer = trip if self._observed else None
        response = await self._clients.send(agent, self._method, message.body, headers, observer)
        try:
            _check_addressee(response, question)
            body = await read_body(response, self._settings.max_response_bytes)
        finally:
            await response.close()  # and with it a connection on which there may be more than was read
        trip.answered(response.stream)
        return response, body

    def _outcome(
        self,
        question: Question,
        labels: Labels,
        trip: Trip,
        *,
        response: Response | None,
        status: Status,
        failure: tuple[str, str] | None,
    ) -> Outcome:
        round_trip_ms = trip.clock.stop()
        service_ms = None if response is None else service_time_ms(response.headers)
        kind, error = failure or (None, None)
        return Outcome(
            question_id=question.id,
            round=labels.round,
            coordinator=labels.coordinator,
            agent=labels.agent + 1,
            status=status,
            error_kind=kind,
            error=error,
            started=trip.started,
            round_trip_ms=round_trip_ms,
            service_ms=service_ms,
            adapter_ms=None if service_ms is None else round_trip_ms - service_ms,
            reused=trip.reused,
            connection=trip.connection,
            in_flight=labels.in_flight,
            phases_ms=trip.clock.spent_ms(service_ms or 0.0) if self._observed else None,
        )


def service_time_ms(headers: Mapping[str, str]) -> float | None:
    """The agent's own service time, from `Server-Timing: service;dur=MS`; None where it doesn't say."""
    header = headers.get("server-timing", "")
    if len(header) > MAX_TIMING_LETTERS:
        return None
    for metric in _METRIC.findall(header):
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
    return value if 0 <= value <= MOST else None


def _check_addressee(response: Response, question: Question) -> None:
    """Raises BadResponse for the answer to another question, of an agent that says which one it answers.

    A response that nobody asked for waits on the connection and passes for the answer to whatever is asked next.
    """
    answered = response.headers.get(_ANSWERED, question.id)
    if answered != question.id:
        raise BadResponse(f"expected the answer to question {question.id!r}, got that to {answered!r}")


def _said(response: Response, body: bytes) -> dict[str, Any]:
    """What the agent answers, as a JSON object. Raises BadStatus or BadResponse."""
    if not 200 <= response.status <= 299:
        wait = response.headers.get("retry-after")
        asks = f" (Retry-After: {wait})" if wait else ""
        raise BadStatus(f"HTTP {response.status} {response.reason}{asks}: {beginning(body)}")
    content_type = response.headers.get("content-type", "none").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise BadResponse(f"expected application/json, got {content_type}: {beginning(body)}")
    return json_object(body)
