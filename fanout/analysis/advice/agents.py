"""Agents that close connections, and agents that are slower than the others."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._facts import OPENING, Advice, Facts, rule
from fanout.phases import Phase
from fanout.runs.questions_csv import OK, held_ms, quantile
from fanout.text import agents_named, format_ms

CLOSED = 0.8
"""The least share of an agent's answers after which it closed the connection."""
PAUSE_S = 0.01
"""After a pause of this length, an idle timeout may have closed the connection."""
AGENT_S: tuple[Phase, ...] = ("connecting", "tls_handshaking", "sending", "waiting", "receiving")
"""The phases in which a question can wait for its agent."""
SLOWER = 3.0
SLOWER_MS = 20.0
MOST_SLOW = 1 / 3
"""The largest share of the agents that can be called slow."""


@rule
def agents_that_close_every_connection(facts: Facts) -> Iterator[Advice]:
    if not facts.coordinators:
        return
    answered = dict(facts.asked.filter(OK).group_by("agent").len().iter_rows())
    announced = facts.of_agent("closes_announced")
    closed = {
        agent: count
        for agent, count in enumerate(facts.of_agent("closed_by_peer") or (), 1)
        if answered.get(agent, 0) > 1 and count - facts.broken.get(agent, 0) >= CLOSED * answered[agent]
    }
    if not closed:
        return
    pause_s = quantile(facts.pauses.filter(pl.col("agent").is_in(list(closed)))["pause_s"], 0.5)
    how = "after one answer"
    remedy = "use a server that keeps connections alive (Flask's development server does not)"
    if announced is not None and sum(announced[agent - 1] for agent in closed) >= CLOSED * sum(closed.values()):
        how += ", as announced (Connection: close), which no setting of the client can change"
    elif pause_s < PAUSE_S:
        how += ", which no setting of the client can change"
    else:
        how += f" or in the pause after it (median {format_ms(pause_s * 1000)})"
        remedy = f"raise their server's keep-alive timeout above that, or {remedy}"
    yield Advice(
        f"{agents_named(list(closed))} closed each connection {how}",
        remedy,
        share=facts.share(*OPENING),
        saves_ms=facts.reopening_ms(),
    )


@rule
def slow_agents(facts: Facts) -> Iterator[Advice]:
    by_agent = facts.measured.group_by("agent").agg(held_ms(*AGENT_S).mean().alias("mean_ms")).sort("agent")
    if by_agent.height < 3:
        return
    usual_ms = quantile(by_agent["mean_ms"], 0.5)
    much_ms = max(SLOWER * usual_ms, usual_ms + SLOWER_MS)
    slow = by_agent.filter(pl.col("mean_ms") >= much_ms)["agent"].to_list()
    if not slow or len(slow) > MOST_SLOW * by_agent.height:
        return
    spent = facts.measured.filter(pl.col("agent").is_in(slow)).select(f"{phase}_ms" for phase in AGENT_S)
    total_ms = dict(zip(AGENT_S, spent.sum().row(0), strict=True))
    phase = max(AGENT_S, key=lambda name: total_ms[name])
    addresses = facts.info.agents
    where = f" ({addresses[slow[0] - 1]})" if len(slow) == 1 and len(addresses) >= slow[0] else ""
    who = f"{agents_named(slow)}{where} take{'s' * (len(slow) == 1)}"
    slow_ms = sum(total_ms.values()) / spent.height
    yield Advice(
        f"{who} {format_ms(slow_ms)} a question beyond the service time, mostly {phase}; the others take "
        f"{format_ms(usual_ms)}",
        "look for the reason in those agents or on the way to them, not in the client",
        share=sum(total_ms.values()) / facts.total_ms,
        saves_ms=(slow_ms - usual_ms) * spent.height / facts.measured.height,
    )
