"""The agents: those that close connections, and those that are slower than the others."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._facts import OPENING, Advice, Facts, rule
from fanout.phases import Phase
from fanout.runs.questions_csv import OK, held_ms, quantile
from fanout.text import agents_named, format_ms

CLOSED = 0.8
"""Of an agent's answers: fewer closed connections are no habit."""
PAUSE_S = 0.01
"""After a pause of so long it may be an idle timeout that closed what nobody had announced to close."""
AGENT_S: tuple[Phase, ...] = ("connecting", "tls_handshaking", "sending", "waiting", "receiving")
"""The phases in which a question can wait for its agent."""
SLOWER = 3.0
SLOWER_MS = 20.0
MOST = 1 / 3
"""Of the agents: more than that aren't the exception."""


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
    remedy = "serve them by a server that keeps connections alive (Flask's development server doesn't)"
    if announced is not None and sum(announced[agent - 1] for agent in closed) >= CLOSED * sum(closed.values()):
        how += ", and said so (Connection: close): no setting of the client can keep them"
    elif pause_s < PAUSE_S:
        how += ", so that no setting of the client can keep them"
    else:
        how += f", or in the pause that followed ({format_ms(pause_s * 1000)} in the median)"
        remedy = f"raise their server's keep-alive timeout over that, or {remedy}"
    yield Advice(f"{agents_named(list(closed))} closed each connection {how}: {remedy}", facts.share(*OPENING))


@rule
def slow_agents(facts: Facts) -> Iterator[Advice]:
    by_agent = facts.measured.group_by("agent").agg(held_ms(*AGENT_S).mean().alias("mean_ms")).sort("agent")
    if by_agent.height < 3:
        return
    usual_ms = quantile(by_agent["mean_ms"], 0.5)
    much_ms = max(SLOWER * usual_ms, usual_ms + SLOWER_MS)
    slow = by_agent.filter(pl.col("mean_ms") >= much_ms)["agent"].to_list()
    if not slow or len(slow) > MOST * by_agent.height:
        return
    spent = facts.measured.filter(pl.col("agent").is_in(slow)).select(f"{phase}_ms" for phase in AGENT_S)
    total_ms = dict(zip(AGENT_S, spent.sum().row(0), strict=True))
    phase = max(AGENT_S, key=lambda name: total_ms[name])
    addresses = facts.info.agents
    where = f" ({addresses[slow[0] - 1]})" if len(slow) == 1 and len(addresses) >= slow[0] else ""
    who = f"{agents_named(slow)}{where} take{'s' * (len(slow) == 1)}"
    yield Advice(
        f"{who} {format_ms(sum(total_ms.values()) / spent.height)} a question besides thinking, mostly {phase}, where "
        f"the others take {format_ms(usual_ms)}: look for the reason there, not in the client",
        sum(total_ms.values()) / facts.total_ms,
    )
