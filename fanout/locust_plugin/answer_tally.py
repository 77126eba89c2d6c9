"""Counts what a run's outcomes say about the agents' answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from fanout.outcome import Outcome


@dataclass(frozen=True)
class Answers:
    """Counts of questions."""

    asked: Mapping[int, int] = field(default_factory=dict)
    """All questions by agent, counted from 1."""
    failed: Mapping[int, int] = field(default_factory=dict)
    """Questions by agent that failed because of the agent itself."""
    ok: int = 0
    without_service_time: int = 0
    """Answered questions whose service time is missing."""
    impossible: int = 0
    """Questions whose service time is longer than their round trip."""


class AnswerTally:
    def __init__(self) -> None:
        self._asked: Counter[int] = Counter()
        self._failed: Counter[int] = Counter()
        self._ok = 0
        self._without_service_time = 0
        self._impossible = 0

    def add(self, outcome: Outcome) -> None:
        self._asked[outcome.agent] += 1
        self._failed[outcome.agent] += outcome.is_failure_of_agent
        self._ok += outcome.status == "ok"
        self._without_service_time += outcome.status == "ok" and outcome.service_ms is None
        self._impossible += any(spent is not None and spent < 0 for spent in _durations(outcome))

    def answers(self) -> Answers:
        """The counts so far."""
        return Answers(dict(self._asked), dict(self._failed), self._ok, self._without_service_time, self._impossible)


def _durations(outcome: Outcome) -> list[float | None]:
    return [outcome.adapter_ms, *(outcome.phases_ms or {}).values()]
