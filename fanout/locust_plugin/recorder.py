"""Records the outcome of each question: as a row, as a Locust event, and in the counts of its agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locust.env import Environment

from fanout.locust_plugin.answer_tally import Answers, AnswerTally
from fanout.outcome import Outcome
from fanout.runs.writer import RunWriter
from fanout.scenario import Scenario


class QuestionFailed(Exception):  # noqa: N818
    """The failure that Locust shows: kind and message."""


class Recorder:
    def __init__(self, environment: Environment, scenario: Scenario, writer: RunWriter) -> None:
        self._environment = environment
        self._scenario = scenario
        self._writer = writer
        self._tally = AnswerTally()

    @property
    def answers(self) -> Answers:
        """The counts so far."""
        return self._tally.answers()

    def add(self, user_context: Mapping[str, Any], outcome: Outcome) -> None:
        """Records one question of a user, with exactly one Locust event. Raises CouldNotRunError if it can't write.

        The event's response time is the adapter latency in ms. If the agent didn't report its service time, it is the
        round trip, under a name of its own, so that Locust never mixes the two.
        """
        self._writer.add(outcome)
        self._tally.add(outcome)
        failed = outcome.status != "ok"
        by_round_trip = not failed and outcome.adapter_ms is None
        self._environment.events.request.fire(
            request_type=self._scenario.protocol,
            name=f"{self._scenario.name} (round trip)" if by_round_trip else self._scenario.name,
            response_time=outcome.round_trip_ms if by_round_trip else outcome.adapter_ms,
            response_length=outcome.response_bytes or 0,
            exception=QuestionFailed(f"{outcome.error_kind}: {outcome.error}") if failed else None,
            context={**user_context, **outcome.to_json()},
            start_time=outcome.started,
        )
