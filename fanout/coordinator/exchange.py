"""Sends one question to an agent and receives the answer, with timings."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from fanout.coordinator.body import beginning, json_object, read_body
from fanout.coordinator.clients import AgentClients, Response
from fanout.coordinator.event_loop import OBSERVER
from fanout.coordinator.failures import (
    UNEXPECTED,
    BadStatus,
    BugReports,
    DeadlineExceeded,
    Failure,
    Redirected,
    TooLate,
    explain,
)
from fanout.coordinator.tracing import Trip
from fanout.outcome import MOST, Outcome, Status
from fanout.protocols import QUESTION_ID_HEADER, BadResponse, CoordinatorEnd, Protocol, Question
from fanout.scenario import ClientSettings

MAX_TIMING_CHARACTERS = 4096
"""The longest Server-Timing header that is parsed, since the time for parsing grows with the square of the length."""
_ANSWERED = QUESTION_ID_HEADER.lower()
_METRIC = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*")+')
_PARAMETER = re.compile(r';\s*([^=;\s]+)\s*=\s*("(?:\\.|[^"\\])*"|[^;]*)')


@dataclass(frozen=True)
class Labels:
    """Where a question belongs, and when. Agents count from 0 here, and from 1 in the question's row."""

    round: int
    coordinator: int
    agent: int
    in_flight: int
    attempt: int = 1
    """The number of times that the question has been asked, with this one."""
    due: float | None = None
    """Its intended start, by time.perf_counter(); None if it starts now."""


@dataclass(frozen=True)
class Ended:
    """The result of a question."""

    outcome: Outcome
    answer: str | None
    """The agent's text; None unless the question is ok."""


class Exchange:
    """Asks questions through a coordinator's clients."""

    def __init__(
        self,
        settings: ClientSettings,
        clients: AgentClients,
        protocol: Protocol,
        end: CoordinatorEnd,
        new_trip: Callable[[int, float], Trip],
        *,
        observed: bool = True,
    ) -> None:
        """`new_trip` creates the recorder of a question to an agent that starts so many seconds late.

        Without `observed`, questions have no phases and no connection. This serves to measure the cost of observing.
        """
        self._settings = settings
        self._clients = clients
        self._method = protocol.method
        self._end = end
        self._new_trip = new_trip
        self._observed = observed
        self._unknown = clients.info.unknown_phases or ()
        self._bugs = BugReports()

    async def ask(self, question: Question, labels: Labels) -> Ended:
        """Asks a question once. It never raises an exception.

        If its task is cancelled, the question ends as `abandoned`, and the cancellation is swallowed. The canceller
        must therefore make sure that the task asks nothing more.
        """
        late_s = 0.0 if labels.due is None else max(0.0, time.perf_counter() - labels.due)
        trip = self._new_trip(labels.agent, late_s)
        token = OBSERVER.set(trip if self._observed else None)
        response, answer = None, None
        status: Status = "failed"
        failure: Failure | None = None
        try:
            if late_s > self._settings.deadline_s:
                raise TooLate
            with anyio.move_on_after(self._settings.deadline_s) as scope:
                response, body = await self._send(question, labels.agent, trip)
                answer = self._end.decode(_content(response, body, self._method))
                status = "ok"
            if scope.cancelled_caught:
                raise DeadlineExceeded
        except asyncio.CancelledError:
            status, failure = "abandoned", Failure("stopped", None, "the run ended while it was in flight")
        except Exception as error:  # noqa: BLE001 (no failure of a question may end its agent's loop)
            failure = explain(error, self._settings)
            if failure.kind == UNEXPECTED:
                self._bugs.add(error, failure.sentence)
        finally:
            OBSERVER.reset(token)
            trip.release()
        return Ended(
            outcome=self._outcome(question, labels, trip, response=response, status=status, failure=failure),
            answer=answer,
        )

    async def _send(self, question: Question, agent: int, trip: Trip) -> tuple[Response, bytes]:
        """Sends a question. Returns the response and its body."""
        message = self._end.encode(question)
        trip.request_bytes = len(message.body)
        headers = {**message.headers, QUESTION_ID_HEADER: question.id}
        observer = trip if self._observed else None
        response = await self._clients.send(agent, self._method, message.body, headers, observer)
        try:
            _check_addressee(response, question)
            body = await read_body(response, self._settings.max_response_bytes)
        finally:
            await response.close()  # this also closes the connection if not everything was read
        trip.answered(response.stream, len(body))
        return response, body

    def _outcome(
        self,
        question: Question,
        labels: Labels,
        trip: Trip,
        *,
        response: Response | None,
        status: Status,
        failure: Failure | None,
    ) -> Outcome:
        round_trip_ms = trip.clock.stop()
        service_ms = None if response is None else service_time_ms(response.headers)
        return Outcome(
            question_id=question.id,
            round=labels.round,
            coordinator=labels.coordinator,
            agent=labels.agent + 1,
            status=status,
            error_kind=None if failure is None else failure.kind,
            http_status=None if response is None else response.status,
            error=None if failure is None else failure.sentence,
            error_cause=None if failure is None else failure.cause,
            started=trip.started,
            round_trip_ms=round_trip_ms,
            service_ms=service_ms,
            adapter_ms=None if service_ms is None else round_trip_ms - service_ms,
            reused=trip.reused,
            connection=trip.connection,
            in_flight=labels.in_flight,
            attempts=labels.attempt,
            phases_ms=trip.clock.spent_ms(service_ms or 0.0, trip.untold or self._unknown) if self._observed else None,
            request_bytes=trip.request_bytes,
            response_bytes=trip.response_bytes,
        )


def service_time_ms(headers: Mapping[str, str]) -> float | None:
    """The service time that the agent reports in `Server-Timing: service;dur=MS`; None if it doesn't."""
    header = headers.get("server-timing", "")
    if len(header) > MAX_TIMING_CHARACTERS:
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
    """Raises BadResponse if the agent says that this is the answer to another question.

    An unrequested response waits on the connection, and would pass for the answer to the next question.
    """
    answered = response.headers.get(_ANSWERED, question.id)
    if answered != question.id:
        raise BadResponse(f"expected the answer to question {question.id!r}, got that to {answered!r}")


def _target(location: str) -> str:
    """A Location header without what may be secret: a login, or a token in a query."""
    scheme, slashes, rest = location.partition("?")[0].partition("//")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}"


def _content(response: Response, body: bytes, method: str) -> dict[str, Any]:
    """The JSON object in an agent's response. Raises BadStatus or BadResponse."""
    if not 200 <= response.status <= 299:
        wait = response.headers.get("retry-after")
        asks = f" (Retry-After: {wait})" if wait else ""
        where = f"{method} {response.url}: HTTP {response.status} {response.reason}"
        location = response.headers.get("location")
        if 300 <= response.status <= 399 and location is not None:
            raise Redirected(f"{where} to {_target(location)}")
        raise BadStatus(f"{where}{asks}: {beginning(body)}")
    content_type = response.headers.get("content-type", "none").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise BadResponse(f"expected application/json, got {content_type}: {beginning(body)}")
    return json_object(body)
