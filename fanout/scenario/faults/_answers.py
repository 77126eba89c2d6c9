"""What can be made to go wrong at an agent: the form of `workers.faults`.

To add a fault, add its class here and to Fault, and what it does to workers/faults.py, or to
workers/connection_faults.py where it is the connections that it strikes.
"""

from __future__ import annotations

from typing import Annotated, Literal, Union

from pydantic import AfterValidator, Field, Strict

from fanout.scenario._part import Part


def _not_0(value: int) -> int:
    if not value:
        raise ValueError("which is no fault")
    return value


class _Fault(Part):
    agents: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), Strict(False)] | None = Field(
        None, description="a list of agents' numbers, counted from 1, at least one; left out: all of them"
    )

    def concerns(self, agent: int) -> bool:
        """Whether it is a fault of this agent's, counted from 1."""
        return self.agents is None or agent in self.agents


class ConnectionFault(_Fault):
    """One that strikes every connection to its agents, whatever is asked over it."""


class QuestionFault(_Fault):
    """One that strikes a share of the questions that come to its agents, drawn by seed and question id."""

    share: float = Field(
        1.0, gt=0, le=1, description="the share of its agents' questions that it strikes, more than 0, up to 1"
    )


class Delay(QuestionFault):
    """Answers that late."""

    kind: Literal["delay"]
    delay_s: float = Field(ge=0, le=3600, description="seconds, 0 to 3600")


class HttpStatus(QuestionFault):
    """Refuses at once, with a status."""

    kind: Literal["status"]
    code: int = Field(ge=400, le=599, description="an HTTP status, 400 to 599")
    retry_after_s: int | None = Field(
        None, ge=0, le=86_400, description="whole seconds for Retry-After, 0 to 86400; left out: no such header"
    )


class ResetAfterHeaders(QuestionFault):
    """Resets the connection when the headers of the answer have gone out."""

    kind: Literal["reset_after_headers"]


class CloseAfterResponse(QuestionFault):
    """Answers, announces to keep the connection, and closes it."""

    kind: Literal["close_after_response"]


class TruncatedBody(QuestionFault):
    """Closes the connection in the middle of the body."""

    kind: Literal["truncated_body"]


class WrongLength(QuestionFault):
    """Announces more bytes than it sends, or fewer."""

    kind: Literal["wrong_length"]
    by_bytes: Annotated[int, AfterValidator(_not_0)] = Field(
        10,
        ge=-1_000_000,
        le=1_000_000,
        description="how many bytes more than there are are announced, up to 1000000; fewer where it is below 0; not 0",
    )


class DrippingBody(QuestionFault):
    """Sends the body one byte at a time."""

    kind: Literal["dripping_body"]
    interval_s: float = Field(0.1, gt=0, le=60, description="seconds between two bytes, more than 0, up to 60")


class NoAnswer(QuestionFault):
    """Takes the question and never answers."""

    kind: Literal["no_answer"]


class NotJson(QuestionFault):
    """Answers with a page instead of JSON, and calls it JSON."""

    kind: Literal["not_json"]


class WrongShape(QuestionFault):
    """Answers with JSON that isn't the protocol's."""

    kind: Literal["wrong_shape"]


class DeepNesting(QuestionFault):
    """Answers with lists in lists in lists."""

    kind: Literal["deep_nesting"]
    depth: int = Field(100_000, ge=1, le=10_000_000, description="how many lists within each other, 1 to 10000000")


class NotUtf8(QuestionFault):
    """Answers with bytes that are no text."""

    kind: Literal["not_utf8"]


class HugeBody(QuestionFault):
    """Answers with a body of that size, without saying so before."""

    kind: Literal["huge_body"]
    size_bytes: int = Field(67_108_864, ge=1, le=2**40, description="bytes, 1 to 1099511627776")


class SecondResponse(QuestionFault):
    """Answers twice, so that the second answer stands where the next question's should."""

    kind: Literal["second_response"]


class Crash(QuestionFault):
    """The agent's process ends at once."""

    kind: Literal["crash"]
    exit_status: int = Field(70, ge=0, le=255, description="the process's exit status, 0 to 255")


class Hang(QuestionFault):
    """The agent's process does nothing any more, for nobody."""

    kind: Literal["hang"]


class ResetOnAccept(ConnectionFault):
    """Resets each connection as soon as it is there."""

    kind: Literal["reset_on_accept"]


class SlowAccept(ConnectionFault):
    """Takes note of a connection that late. To the client it is open: the system has accepted it."""

    kind: Literal["slow_accept"]
    delay_s: float = Field(ge=0, le=3600, description="seconds, 0 to 3600")


class CloseWhenIdle(ConnectionFault):
    """Closes a connection over which nothing has been asked for so long since its last answer."""

    kind: Literal["close_when_idle"]
    idle_s: float = Field(gt=0, le=3600, description="seconds, more than 0, up to 3600")


Fault = Annotated[
    Union[  # noqa: UP007
        Delay,
        HttpStatus,
        ResetAfterHeaders,
        CloseAfterResponse,
        TruncatedBody,
        WrongLength,
        DrippingBody,
        NoAnswer,
        NotJson,
        WrongShape,
        DeepNesting,
        NotUtf8,
        HugeBody,
        SecondResponse,
        Crash,
        Hang,
        ResetOnAccept,
        SlowAccept,
        CloseWhenIdle,
    ],
    Field(discriminator="kind"),
]
