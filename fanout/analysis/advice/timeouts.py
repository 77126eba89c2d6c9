"""Questions that ended by a timeout although their agent was connected."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._advice import Change
from fanout.analysis.advice._facts import Advice, Facts, rule
from fanout.analysis.advice._figures import agents_of
from fanout.analysis.advice._remedies import deadline, limit_of, limits, rounded_up, without_agents, without_faults
from fanout.analysis.advice._service_times import longest_service_s
from fanout.runs.questions_csv import OK, quantile
from fanout.text import agents_named, format_ms

GUESS_S = 60.0
"""The least read timeout to try where nobody knows how long the agents take; SDKs of LLMs use 60 to 600 s."""


@rule
def timeout_shorter_than_the_service_time(facts: Facts) -> Iterator[Advice]:
    in_queues = facts.given_up_in_queues["row"]
    late = facts.because("too_little_time").filter(~pl.col("row").is_in(in_queues.implode()))
    if late.is_empty():
        return
    limit = limit_of(facts, late, "read")
    key, limit_s = limit.key, limit.seconds
    longest_s = longest_service_s(facts)
    if longest_s is not None and longest_s * 2 < limit_s and facts.asked.select(OK.any()).item():
        yield from _rarely_late(facts, late, key, limit_s, longest_s)
        return
    if longest_s is None:
        known, wanted_s = "no answer tells how long they take", max(GUESS_S, 4 * limit_s)
    elif longest_s < limit_s:
        known, wanted_s = f"answers that came took up to {format_ms(longest_s * 1000)}", 4 * limit_s
    else:
        known, wanted_s = f"they think for up to {format_ms(longest_s * 1000)}", 1.5 * longest_s
    wanted_s = rounded_up(wanted_s)
    yield Advice(
        f"{late.height} of {facts.asked.height} questions were given up after {limit_s:g} s ({key}) while their agents "
        f"were still working: {known}",
        f"set {key} to {wanted_s:g} or more",
        (limit.raised(wanted_s),),
        failures=late.height,
    )


def _rarely_late(facts: Facts, late: pl.DataFrame, key: str, limit_s: float, longest_s: float) -> Iterator[Advice]:
    agents = agents_of(late)
    yield Advice(
        f"{late.height} of {facts.asked.height} questions to {agents_named(agents)} got no answer within {limit_s:g} s "
        f"({key}), although service times are at most about {format_ms(longest_s * 1000)}",
        "look for what stops or queues these requests in the agents",
        without_faults(facts, agents),
        failures=late.height,
    )


@rule
def agents_that_never_answer(facts: Facts) -> Iterator[Advice]:
    silent = facts.because("never_answers")
    if silent.is_empty():
        return
    agents = agents_of(silent)
    yield Advice(
        f"{agents_named(agents)} accepted {silent.height} questions and answered none, while other agents answer",
        "look for what stops these agents",
        (*without_faults(facts, agents), *without_agents(facts, agents)),
        failures=silent.height,
    )


@rule
def forgotten_connections(facts: Facts) -> Iterator[Advice]:
    """A NAT or a load balancer drops an idle connection without telling either end."""
    lost = facts.because("forgotten")
    if lost.is_empty():
        return
    shortest_s = float(lost["pause_s"].min())  # type: ignore[arg-type]
    wanted_s = round(max(0.01, 0.8 * shortest_s), 2)
    yield Advice(
        f"{lost.height} of {facts.asked.height} questions got no answer on connections that had been idle for "
        f"{format_ms(shortest_s * 1000)} or more, while new connections work: something between forgot them (a NAT or "
        f"a load balancer), and the client keeps them {facts.kept_for}",
        f"set client.limits.keepalive_expiry_s below that, such as {wanted_s:g}, or let TCP keep-alive probe them",
        (limits(facts, keepalive_expiry_s=wanted_s),),
        failures=lost.height,
    )


@rule
def slow_bodies(facts: Facts) -> Iterator[Advice]:
    for cause, doing in (("slow_download", "sending their answers"), ("slow_upload", "reading their questions")):
        late = facts.because(cause)
        if late.is_empty():
            continue
        agents = agents_of(late)
        seconds = quantile(late["round_trip_ms"].drop_nulls(), 1.0) / 1000
        raised: tuple[Change, ...] = ()
        if (late["error_kind"] == "deadline").all():
            raised = (deadline(rounded_up(max(GUESS_S, 4 * seconds))),)
        yield Advice(
            f"{late.height} of {facts.asked.height} questions were given up while {agents_named(agents)} were {doing}",
            "look at what slows these agents or the way to them, or make texts smaller",
            (*without_faults(facts, agents), *raised),
            failures=late.height,
        )
        return
