"""Faults of an agent as a whole: when it serves its questions, and what it says about its service time."""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from fanout.scenario.faults._base import Agent, AgentFault, Headers

_SERVER_TIMING = "Server-Timing"
_SERVICE_MS = re.compile(r"(?<=\bservice;dur=)[\d.]+")


def _not_1(value: float) -> float:
    if value == 1:
        raise ValueError("that is no fault")
    return value


class ColdStart(AgentFault):
    """Begins to start at its first question, and answers none in the `delay_s` that this takes."""

    kind: Literal["cold_start"]
    delay_s: float = Field(ge=0, le=3600, description="seconds, 0 to 3600")

    def serving(self, agent: Agent) -> AbstractContextManager[Any]:
        agent.sleep(max(0.0, agent.first_asked_at + self.delay_s - time.monotonic()))
        return nullcontext()


class OneAtATime(AgentFault):
    """Answers one question at a time, like an async agent that makes a blocking call; the others wait for it."""

    kind: Literal["one_at_a_time"]

    def serving(self, agent: Agent) -> AbstractContextManager[Any]:
        return agent.turn


class NoServiceTime(AgentFault):
    """Answers without the header Server-Timing."""

    kind: Literal["no_service_time"]

    def headers(self, headers: Headers) -> Headers:
        return [(name, value) for name, value in headers if name != _SERVER_TIMING]


class WrongServiceTime(AgentFault):
    """Reports `times` its service time in the header Server-Timing; with 0.001, seconds instead of ms."""

    kind: Literal["wrong_service_time"]
    times: Annotated[float, AfterValidator(_not_1)] = Field(
        ge=0, le=1_000_000, description="a number, 0 to 1000000, not 1"
    )

    def headers(self, headers: Headers) -> Headers:
        return [(name, self._wrong(value) if name == _SERVER_TIMING else value) for name, value in headers]

    def _wrong(self, timing: str) -> str:
        return _SERVICE_MS.sub(lambda found: f"{float(found[0]) * self.times:.6f}", timing)
