"""Answers that say no, and connections that break."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._advice import Change
from fanout.analysis.advice._facts import Advice, Facts, rule
from fanout.analysis.advice._figures import agents_of
from fanout.analysis.advice._remedies import PAUSE, limits, pause, per_agent, without_faults
from fanout.text import agents_named, format_ms, listed


@rule
def stale_connections(facts: Facts) -> Iterator[Advice]:
    """A question is lost if it is sent on a kept connection before the client notices that the agent closed it."""
    by_others = facts.lost_to_closing["row"]  # no idle timeout is to blame for these
    lost = facts.because("stale_connection").filter(~pl.col("row").is_in(by_others.implode()))
    if lost.is_empty():
        return
    agents = agents_of(lost)
    expiry_s = facts.client.limits.keepalive_expiry_s
    close_s = facts.agents_close_after_s
    closed = "which the agents had closed"
    if close_s is not None:
        closed += f" after {format_ms(close_s * 1000)} or less of silence"
    pauses = facts.pauses.filter(pl.col("agent").is_in(agents))
    longest_s = pauses.select(pl.col("pause_s").quantile(0.5)).collect().item() or 0.0
    changes: list[Change] = list(without_faults(facts, agents))
    shorter_s = None if close_s is None or close_s <= 0 else round(0.8 * close_s, 2)
    remedy = "have the agents keep idle connections longer than the client does"
    if shorter_s and (expiry_s is None or shorter_s < expiry_s):
        remedy += f" (raise their keep-alive timeout above {facts.kept_for.removeprefix('for ')})"
        if longest_s < shorter_s or not changes:
            changes.append(limits(facts, keepalive_expiry_s=shorter_s))
            remedy += f", or set client.limits.keepalive_expiry_s below theirs, such as {shorter_s:g}"
    yield Advice(
        f"{lost.height} of {facts.asked.height} questions were lost on reused connections to {agents_named(agents)}, "
        f"{closed}, while the client keeps them {facts.kept_for}",
        remedy,
        tuple(changes),
        facts.spent_ms(*facts.opening, of=facts.measured.filter(pl.col("agent").is_in(agents) & ~pl.col("reused"))),
        failures=lost.height,
    )


@rule
def connections_closed_by_the_client(facts: Facts) -> Iterator[Advice]:
    lost = facts.because("closed_by_client")
    if lost.is_empty():
        return
    late = f", while its event loop ran up to {format_ms(facts.worst_lag_ms)} late" if facts.worst_lag_ms > 100 else ""
    shared = facts.agents_of_a_client > 1
    yield Advice(
        f"{lost.height} of {facts.asked.height} questions were lost because the client itself closed their connections"
        f"{late}: its pool took them for idle before the questions used them",
        "set client.topology to per_agent, so that a pool has fewer connections to check, or keep the event loop free"
        if shared
        else "keep the event loop free",
        (per_agent(facts),) if shared else (),
        failures=lost.height,
    )


@rule
def connections_broken_by_agents(facts: Facts) -> Iterator[Advice]:
    lost = facts.because("broken_off")
    if lost.is_empty():
        return
    agents = agents_of(lost)
    answering = lost.filter(pl.col("receiving_ms") > 0).height
    when = "in the middle of their answers" if answering > lost.height / 2 else "before they answered"
    yield Advice(
        f"{agents_named(agents)} broke the connections of {lost.height} of {facts.asked.height} questions {when}",
        "look for the reason in their logs",
        without_faults(facts, agents),
        failures=lost.height,
    )


@rule
def redirects(facts: Facts) -> Iterator[Advice]:
    found = facts.because("redirect")
    if found.is_empty():
        return
    follow = Change({"client.follow_redirects": True}, "httpx.AsyncClient(follow_redirects=True)")
    yield Advice(
        f"{found.height} of {facts.asked.height} questions were redirected, which {facts.client.library} doesn't "
        f"follow unless told to: {found['error'][0]}",
        "ask the address that the agents redirect to, or set client.follow_redirects to true",
        (follow,),
        failures=found.height,
    )


@rule
def agents_that_ask_for_less(facts: Facts) -> Iterator[Advice]:
    """HTTP 429 and 503 ask for a pause. A coordinator that sends the next question immediately is refused again."""
    refused = facts.because("asked_for_less")
    if refused.is_empty():
        return
    agents = agents_of(refused)
    named = listed(refused["http_status"].unique().sort().to_list())
    asks = refused["error"].cast(pl.String).str.contains("Retry-After", literal=True).any()
    wait = "wait as long as Retry-After says" if asks else "wait before the next question"
    yield Advice(
        f"{agents_named(agents)} refused {refused.height} of {facts.asked.height} questions for now (HTTP {named})",
        f"{wait} ({PAUSE}), or send fewer questions at a time",
        (*without_faults(facts, agents), pause(max(1.0, 2 * facts.scenario.coordinator.pause_s))),
        failures=refused.height,
    )


@rule
def agents_that_report_errors(facts: Facts) -> Iterator[Advice]:
    failed = facts.because("status")
    if failed.is_empty():
        return
    agents = agents_of(failed)
    counts = failed.group_by("http_status").len().sort("len", descending=True).iter_rows()
    how = listed([f"{count} times HTTP {status}" for status, count in counts])
    yield Advice(
        f"{agents_named(agents)} answered {failed.height} of {facts.asked.height} questions with an error of their own "
        f"({how}), such as: {failed['error'][0]}",
        "look for the reason in their logs: the client's settings play no part",
        without_faults(facts, agents),
        failures=failed.height,
    )


@rule
def answers_that_break_the_protocol(facts: Facts) -> Iterator[Advice]:
    failed = facts.because("wrong_answer")
    if failed.is_empty():
        return
    agents = agents_of(failed)
    yield Advice(
        f"{agents_named(agents)} answered {failed.height} of {facts.asked.height} questions in a way that breaks the "
        f"protocol, such as: {failed['error'][0]}",
        "correct what they send, or the scenario's protocol; client.max_response_bytes bounds the size",
        without_faults(facts, agents),
        failures=failed.height,
    )
