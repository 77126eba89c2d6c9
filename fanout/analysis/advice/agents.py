"""Agents that close connections, queue their requests, or are slower than the others."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._advice import Change
from fanout.analysis.advice._cold import answered
from fanout.analysis.advice._facts import MUCH, Advice, Facts, rule
from fanout.analysis.advice._figures import agents_of
from fanout.analysis.advice._remedies import without_faults
from fanout.phases import Phase
from fanout.runs.questions_csv import held_ms
from fanout.text import agents_named, format_ms

AGENT_S: tuple[Phase, ...] = ("connecting", "tls_handshaking", "sending", "waiting", "receiving")
"""The phases in which a question can wait for its agent."""
SLOWER = 3.0
SLOWER_MS = 20.0
MOST_SLOW = 1 / 3
"""The largest share of the agents that can be called slow; of two agents, one can."""


@rule
def agents_that_close_every_connection(facts: Facts) -> Iterator[Advice]:
    closing = facts.closing
    if closing is None:
        return
    how, remedy = "after one answer", "use a server that keeps connections alive (Flask's development server does not)"
    match closing.by:
        case "version":
            how += ", because they speak HTTP/1.0"
            remedy = "use a server that speaks HTTP/1.1 and keeps connections alive"
        case "header":
            how += ", as announced (Connection: close), which no setting of the client can change"
        case "nothing":
            how += ", which no setting of the client can change"
        case "idle timeout":
            if facts.because("stale_connection").height:
                return  # that timeout costs questions, too, and the advice on those has its remedy
            how += f" or in the pause after it (median {format_ms(closing.pause_s * 1000)})"
            remedy = f"raise their server's keep-alive timeout above that, or {remedy}"
    lost = facts.lost_to_closing.height
    also = f", and {lost} questions were lost on them" if lost else ""
    agents = list(closing.agents)
    server = {} if facts.scenario.workers.server == "gevent" else {"workers.server": "gevent"}
    yield Advice(
        f"{agents_named(agents)} closed each connection {how}{also}",
        remedy,
        (Change(server, "# in the agents, not in the client"),) if server else without_faults(facts, agents),
        facts.spent_ms(*facts.opening),
        facts.reopening_ms(*facts.opening),
        lost,
    )


@rule
def slow_agents(facts: Facts) -> Iterator[Advice]:
    """Some agents take longer than the others, beyond their service time, or by it where it is unknown."""
    rows = answered(facts).filter(~pl.col("row").is_in(facts.cold["row"].implode()))
    known = rows.select(pl.col("service_ms").is_not_null().any()).collect().item()
    if known:  # the others' time at the agent includes their service time, so it can't be compared
        rows = rows.filter(pl.col("service_ms").is_not_null())
    held = held_ms(*AGENT_S)
    by_agent = rows.group_by("agent").agg(mean_ms=held.mean(), least_ms=held.min()).sort("agent").collect()
    if by_agent.height < 2:
        return
    usual_ms = float(by_agent["mean_ms"].quantile(0.5, "lower") or 0.0)
    much_ms = max(SLOWER * usual_ms, usual_ms + SLOWER_MS)
    slow = by_agent.filter(pl.col("mean_ms") >= much_ms)
    if not known:  # differences by chance are large among a few service times
        slow = slow.filter(pl.col("least_ms") >= by_agent["mean_ms"].quantile(0.75, "lower"))
    agents = slow["agent"].to_list()
    most = 1 if by_agent.height == 2 else by_agent.height * MOST_SLOW
    if not agents or len(agents) > most or facts.is_late or facts.because("late_loop").height:
        return
    of_slow = pl.col("agent").is_in(agents)
    asked = rows.filter(of_slow).select("row", *(f"{phase}_ms" for phase in AGENT_S)).collect()
    total_ms = facts.spent_ms(*AGENT_S, of=asked)
    phase = max(AGENT_S, key=lambda name: total_ms[name])
    addresses = facts.info.agents
    where = f" ({addresses[agents[0] - 1]})" if len(agents) == 1 and len(addresses) >= agents[0] else ""
    who = f"{agents_named(agents)}{where} take{'s' * (len(agents) == 1)}"
    slow_ms = sum(total_ms.values()) / asked.height
    beyond = "beyond the service time" if known else "including the service time, which they don't report"
    yield Advice(
        f"{who} {format_ms(slow_ms)} a question {beyond}, mostly {phase}; the others take {format_ms(usual_ms)}",
        "look for the reason in those agents or on the way to them, not in the client",
        without_faults(facts, agents),
        facts.spent_ms(*AGENT_S, of=facts.measured.filter(pl.col("row").is_in(asked["row"].implode()))),
        (slow_ms - usual_ms) * asked.height / facts.measured_count,
    )


@rule
def agents_that_queue(facts: Facts) -> Iterator[Advice]:
    """An agent that answers one request at a time makes the others wait, like a blocking call in an async handler."""
    found = facts.queues
    if not found:
        return
    rows = pl.concat([queue.rows for queue in found])
    spent, late = facts.spent_ms("waiting", of=rows), facts.given_up_in_queues
    if rows["service_ms"].null_count() == 0 and spent["waiting"] < MUCH * facts.total_ms and late.is_empty():
        return
    agents, others = agents_of(rows), float(rows["others"].mean())  # type: ignore[arg-type]
    gave_up = f", and {late.height} questions were given up before their turn" if late.height else ""
    usual_ms = sum(queue.usual_ms * queue.rows.height for queue in found) / rows.height
    yield Advice(
        f"{agents_named(agents)} answer one request after another: a question waits for {others:.1f} others on "
        f"average, each of which takes {format_ms(usual_ms)}{gave_up}",
        "have the agents work on several requests at a time (no blocking call in an async handler, more workers), or "
        "ask each from fewer places at once",
        without_faults(facts, agents),
        spent,
        sum(queue.waited_ms for queue in found) / facts.measured_count,
        late.height,
    )
