"""Agents that close connections, start cold, queue their requests, or are slower than the others."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._advice import Change
from fanout.analysis.advice._facts import MUCH, Advice, Facts, rule
from fanout.analysis.advice._figures import agents_of, in_progress
from fanout.analysis.advice._remedies import without_faults
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
"""The largest share of the agents that can be called slow; of two agents, one can."""
COLD = 3.0
"""How many times longer than later ones an agent's first answer takes after a cold start."""
COLD_MS = 100.0
MOST_AGENTS = 0.8
ACK_MS = (38.0, 50.0)
"""How long Linux delays an acknowledgement at least (TCP_DELACK_MIN), with some margin."""


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
    by_version = facts.of_agent("closed_by_http_1_0")
    if by_version is not None and sum(by_version[agent - 1] for agent in closed) >= CLOSED * sum(closed.values()):
        how += ", because they speak HTTP/1.0"
        remedy = "use a server that speaks HTTP/1.1 and keeps connections alive"
    elif announced is not None and sum(announced[agent - 1] for agent in closed) >= CLOSED * sum(closed.values()):
        how += ", as announced (Connection: close), which no setting of the client can change"
    elif pause_s < PAUSE_S:
        how += ", which no setting of the client can change"
    else:
        how += f" or in the pause after it (median {format_ms(pause_s * 1000)})"
        remedy = f"raise their server's keep-alive timeout above that, or {remedy}"
    server = {} if facts.scenario.workers.server == "gevent" else {"workers.server": "gevent"}
    changes = (Change(server, "# in the agents, not in the client"),) if server else without_faults(facts, list(closed))
    yield Advice(
        f"{agents_named(list(closed))} closed each connection {how}",
        remedy,
        changes,
        facts.spent_ms(*facts.opening),
        facts.reopening_ms(*facts.opening),
    )


@rule
def slow_agents(facts: Facts) -> Iterator[Advice]:
    """Some agents take longer than the others, beyond their service time, or by it where it is unknown."""
    rows = facts.asked.filter(OK & pl.col("blocked_ms").is_not_null())
    by_agent = rows.group_by("agent").agg(
        held_ms(*AGENT_S).mean().alias("mean_ms"), held_ms(*AGENT_S).min().alias("least_ms")
    )
    by_agent = by_agent.sort("agent")
    if by_agent.height < 2:
        return
    usual_ms = float(by_agent["mean_ms"].quantile(0.5, "lower") or 0.0)
    much_ms = max(SLOWER * usual_ms, usual_ms + SLOWER_MS)
    known = rows["service_ms"].null_count() == 0
    slow = by_agent.filter(pl.col("mean_ms") >= much_ms)
    if not known:  # differences by chance are large among a few service times
        slow = slow.filter(pl.col("least_ms") >= by_agent["mean_ms"].quantile(0.75, "lower"))
    agents = slow["agent"].to_list()
    most = 1 if by_agent.height == 2 else by_agent.height * MOST_SLOW
    if not agents or len(agents) > most or facts.because("late_loop").height:
        return
    of_slow = pl.col("agent").is_in(agents)
    spent = rows.filter(of_slow).select(f"{phase}_ms" for phase in AGENT_S)
    total_ms = dict(zip(AGENT_S, spent.sum().row(0), strict=True))
    phase = max(AGENT_S, key=lambda name: total_ms[name])
    addresses = facts.info.agents
    where = f" ({addresses[agents[0] - 1]})" if len(agents) == 1 and len(addresses) >= agents[0] else ""
    who = f"{agents_named(agents)}{where} take{'s' * (len(agents) == 1)}"
    slow_ms = sum(total_ms.values()) / spent.height
    beyond = "beyond the service time" if known else "including the service time, which they don't report"
    yield Advice(
        f"{who} {format_ms(slow_ms)} a question {beyond}, mostly {phase}; the others take {format_ms(usual_ms)}",
        "look for the reason in those agents or on the way to them, not in the client",
        without_faults(facts, agents),
        facts.spent_ms(*AGENT_S, of=facts.measured.filter(of_slow)),
        (slow_ms - usual_ms) * spent.height / facts.measured.height,
    )


@rule
def cold_starts(facts: Facts) -> Iterator[Advice]:
    """An agent loads a model, a module or a cache when it is asked for the first time."""
    rows = facts.asked.filter(OK & pl.col("blocked_ms").is_not_null()).sort("started")
    rows = rows.with_columns(took_ms=held_ms("waiting", "receiving"), order=pl.int_range(pl.len()).over("agent"))
    first, later = rows.filter(pl.col("order") == 0), rows.filter(pl.col("order") > 0)
    if later.is_empty():
        return
    later_ms = quantile(later["took_ms"], 0.5)
    cold = first.filter((pl.col("took_ms") >= COLD * later_ms) & (pl.col("took_ms") >= later_ms + COLD_MS))
    cpu_ms = (facts.cpu_ms or 0.0) * first.height / max(1, len(facts.coordinators))
    first_ms = quantile(cold["took_ms"], 0.5)
    slowest_later = later.filter((pl.col("took_ms") >= COLD * later_ms) & (pl.col("took_ms") >= later_ms + COLD_MS))
    often_later = slowest_later.height > 0.1 * later.height
    if cold.height < MOST_AGENTS * first.height or often_later or first_ms <= cpu_ms:
        return
    agents = cold["agent"].sort().to_list()
    of_cold = facts.measured.filter(pl.col("row").is_in(cold["row"].implode()))
    spent = facts.spent_ms("waiting", "receiving", of=of_cold)
    yield Advice(
        f"the first question to each of {len(agents)} agents took {format_ms(first_ms)} from request to answer, "
        f"later ones {format_ms(later_ms)}: they start cold",
        "ask each agent once before you measure or serve, or have them load everything when they start",
        without_faults(facts, agents),
        spent,
        float((cold["took_ms"] - later_ms).sum()) / facts.measured.height,
    )


@rule
def agents_that_queue(facts: Facts) -> Iterator[Advice]:
    """An agent that answers one request at a time lets the others wait, as a blocking call in an async handler does."""
    if facts.scenario.dispatch.per_agent == 1 and facts.asked["coordinator"].n_unique() == 1:
        return  # so no two questions were in flight at one agent
    rows = pl.concat([_with_others(of_agent) for _, of_agent in _by_agent(facts)]) if facts.measured.height else None
    if rows is None or rows.is_empty() or rows["others"].mean() < 0.5:  # type: ignore[operator]
        return
    waited_ms, others = facts.share("waiting") * facts.total_ms, float(rows["others"].mean())  # type: ignore[arg-type]
    if rows["service_ms"].null_count():
        alone = rows.filter(pl.col("others") == 0)["raw_waiting_ms"]
        beside = rows.filter(pl.col("others") > 0)
        usual_ms = quantile(alone, 0.5)
        queued = alone.len() > 2 and quantile(beside["raw_waiting_ms"], 0.5) >= 0.6 * usual_ms * (
            1 + float(beside["others"].mean())  # type: ignore[arg-type]
        )
        saves_ms = float((beside["raw_waiting_ms"] - usual_ms).sum()) / rows.height
    else:
        usual_ms = float(rows["service_ms"].mean())  # type: ignore[arg-type]
        expected_ms = others * usual_ms * rows.height
        queued = facts.share("waiting") >= MUCH and 0.4 * expected_ms <= waited_ms <= 2.0 * expected_ms
        saves_ms = facts.mean_ms("waiting")
    if not queued or not usual_ms:
        return
    agents = agents_of(rows)
    yield Advice(
        f"{agents_named(agents)} answer one request after another: a question waits for {others:.1f} others on "
        f"average, each of which takes {format_ms(usual_ms)}",
        "have the agents work on several requests at a time (no blocking call in an async handler, more workers), or "
        "ask each from fewer places at once",
        without_faults(facts, agents),
        facts.spent_ms("waiting"),
        saves_ms,
    )


def _by_agent(facts: Facts) -> Iterator[tuple[object, pl.DataFrame]]:
    raw = facts.asked.select("row", raw_waiting_ms="waiting_ms")
    known = facts.measured.filter(pl.col("started").is_not_null() & pl.col("round_trip_ms").is_not_null())
    yield from known.join(raw, on="row", how="left").group_by("agent")


def _with_others(of_agent: pl.DataFrame) -> pl.DataFrame:
    """The questions to one agent, with the number of `others` in flight there when each was sent."""
    began = of_agent["started"]
    there = in_progress(began, began + of_agent["round_trip_ms"] / 1000, began)
    return of_agent.with_columns(others=there - 1)


@rule
def delayed_acknowledgements(facts: Facts) -> Iterator[Advice]:
    """Nagle's algorithm holds the second write of an answer until the client acknowledges the first, 40 ms later."""
    late = held_ms("waiting", "receiving").is_between(*ACK_MS) | pl.col("receiving_ms").is_between(*ACK_MS)
    reused, new = facts.measured.filter(pl.col("reused")), facts.measured.filter(~pl.col("reused"))
    found = reused.filter(late)
    if found.height < max(3, 0.5 * reused.height) or new.filter(late).height > 0.2 * new.height:
        return
    spent = facts.spent_ms("waiting", "receiving", of=found)
    if sum(spent.values()) < MUCH * facts.total_ms:
        return
    agents = agents_of(found)
    delay_ms = quantile(found.select(held_ms("waiting", "receiving")).to_series(), 0.5)
    yield Advice(
        f"{found.height} of {reused.height} answers on reused connections came {format_ms(delay_ms)} late, those on "
        f"new ones did not: {agents_named(agents)} send headers and body apart, with a delayed ACK in between",
        "have the agents set TCP_NODELAY, or send headers and body in one write; keep the connections",
        without_faults(facts, agents),
        spent,
        sum(spent.values()) / facts.measured.height,
    )
