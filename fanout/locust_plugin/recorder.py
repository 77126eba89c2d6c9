"""Records the outcome of each question: as a row, in the counts of its agent, on the live page, as a Locust event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locust.env import Environment

from fanout.locust_plugin.answer_tally import Answers, AnswerTally
from fanout.outcome import Outcome
from fanout.runs.writer import RunWriter
from fanout.scenario import Scenario
from fanout.web.live import LiveRun


class QuestionFailed(Exception):  # noqa: N818
    """The failure that Locust shows: kind and message."""


class Recorder:
    def __init__(self, writer: RunWriter, live: LiveRun | None = None) -> None:
        self._writer = writer
        self._live = live
        self._tally = AnswerTally()

    @property
    def answers(self) -> Answers:
        """The counts so far."""
        return self._tally.answers()

    def add(self, outcome: Outcome) -> None:
        """Raises CouldNotRunError if the row can't be written."""
        self._writer.add(outcome)
        self._tally.add(outcome)
        if self._live is not None:
            self._live.add(outcome)


def fire_event(environment: Environment, scenario: Scenario, user_context: Mapping[str, Any], outcome: Outcome) -> None:
    """Fires the only Locust event of one question of a user.

    Its response time is the adapter latency in ms. If the agent didn't report its service time, it is the round trip,
    under a name of its own, so that Locust never mixes the two.
    """
    failed = outcome.status != "ok"
    by_round_trip = not failed and outcome.adapter_ms is None
    environment.events.request.fire(
        request_type=scenario.protocol,
        name=f"{scenario.name} (round trip)" if by_round_trip else scenario.name,
        response_time=outcome.round_trip_ms if by_round_trip else outcome.adapter_ms,
        response_length=outcome.response_bytes or 0,
        exception=QuestionFailed(f"{outcome.error_kind}: {outcome.error}") if failed else None,
        context={**user_context, **outcome.to_json()},
        start_time=outcome.started,
    )
