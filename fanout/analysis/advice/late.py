"""Answers that come late: after a cold start, a delayed acknowledgement, or on connections that are served late."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._cold import answered
from fanout.analysis.advice._facts import MUCH, Advice, Facts, rule
from fanout.analysis.advice._figures import agents_of
from fanout.analysis.advice._remedies import keep_all, without_faults
from fanout.runs.questions_csv import held_ms, quantile
from fanout.text import agents_named, format_ms

ACK_MS = (38.0, 50.0)
"""How long Linux delays an acknowledgement at least (TCP_DELACK_MIN), with some margin."""
LEAST = 3
"""The least number of late answers that can't be chance."""
LATER = 3.0
LATER_MS = 20.0
"""By how much answers on new connections must be later than on reused ones."""


@rule
def cold_starts(facts: Facts) -> Iterator[Advice]:
    """An agent loads a model, a module or a cache when it is asked for the first time."""
    lost, cold = facts.because("cold_start"), facts.cold
    first_ms = quantile(cold["took_ms"], 0.5)
    burst_ms = (facts.cpu_ms or 0.0) * facts.agents / max(1, len(facts.coordinators))
    if facts.is_saturated or first_ms <= burst_ms:
        cold = cold.clear()  # they queued for the coordinator's CPU
    if cold.is_empty() and lost.is_empty():
        return
    agents = sorted({*agents_of(cold), *agents_of(lost)})
    warm = answered(facts).filter(~pl.col("row").is_in(cold["row"].implode()))
    later_ms = warm.select(pl.col("took_ms").median()).collect().item() or 0.0
    of_cold = facts.measured.filter(pl.col("row").is_in(cold["row"].implode()))
    waited_s = quantile(lost["round_trip_ms"], 0.5) / 1000
    first = [f"{lost.height} first questions got no answer within {waited_s:.3g} s"] if lost.height else []
    first += [f"{cold.height} first answers took {format_ms(first_ms)}"] if cold.height else []
    yield Advice(
        f"{agents_named(agents)} {'start' if len(agents) > 1 else 'starts'} cold: {' and '.join(first)}; "
        f"later ones took {format_ms(later_ms)}",
        "ask each agent once before you measure or serve, or have them load everything when they start",
        without_faults(facts, agents),
        facts.spent_ms("waiting", "receiving", of=of_cold),
        float((cold["took_ms"] - later_ms).sum()) / facts.measured_count if cold.height else None,
        lost.height,
    )


@rule
def delayed_acknowledgements(facts: Facts) -> Iterator[Advice]:
    """Nagle's algorithm holds the second write of an answer until the client acknowledges the first, 40 ms later."""
    late = held_ms("waiting", "receiving").is_between(*ACK_MS) | pl.col("receiving_ms").is_between(*ACK_MS)
    by_agent = facts.measured.group_by("agent").agg(
        pl.col("reused").sum().alias("reused"),
        (late & pl.col("reused")).sum().alias("late"),
        late.filter(~pl.col("reused")).mean().fill_null(0).alias("late_new"),
    )
    agents = by_agent.filter(
        (pl.col("late") > 0) & (pl.col("late") >= 0.5 * pl.col("reused")) & (pl.col("late_new") <= 0.2)
    ).collect()["agent"]
    if agents.is_empty():
        return
    reused = facts.measured.filter(pl.col("reused") & pl.col("agent").is_in(agents.implode()))
    count = reused.select(pl.len()).collect().item()
    found = reused.filter(late).select("agent", "waiting_ms", "receiving_ms").collect()
    spent = facts.spent_ms("waiting", "receiving", of=found)
    if found.height < LEAST or sum(spent.values()) < MUCH * facts.total_ms:
        return
    delay_ms = quantile(found.select(held_ms("waiting", "receiving")).to_series(), 0.5)
    yield Advice(
        f"{found.height} of {count} answers of {agents_named(agents_of(found))} on reused connections came "
        f"{format_ms(delay_ms)} late, those on new ones did not: headers and body are sent apart, with a delayed ACK "
        "in between",
        "have the agents set TCP_NODELAY, or send headers and body in one write; keep the connections",
        without_faults(facts, agents_of(found)),
        spent,
        sum(spent.values()) / facts.measured_count,
    )


@rule
def late_on_new_connections(facts: Facts) -> Iterator[Advice]:
    """The system has accepted a connection long before the agent's server takes it from its queue."""
    rows = facts.measured.with_columns(took_ms=held_ms("waiting", "receiving"))
    new, reused = pl.col("took_ms").filter(~pl.col("reused")), pl.col("took_ms").filter("reused")
    by_agent = rows.group_by("agent").agg(
        new.len().alias("new"),
        reused.len().alias("reused"),
        new.min().alias("new_ms"),
        reused.median().alias("usual_ms"),
    )
    late = by_agent.filter(
        (pl.col("new") >= LEAST)
        & (pl.col("reused") >= LEAST)
        & (pl.col("new_ms") >= LATER * pl.col("usual_ms"))
        & (pl.col("new_ms") >= pl.col("usual_ms") + LATER_MS)
    ).collect()
    if late.is_empty():
        return
    on_new = rows.filter(~pl.col("reused") & pl.col("agent").is_in(late["agent"].implode()))
    found = on_new.select("agent", "waiting_ms", "took_ms").collect()
    spent = facts.spent_ms("waiting", of=found)
    if found.is_empty() or spent["waiting"] < MUCH * facts.total_ms:
        return
    agents, late_ms, usual_ms = agents_of(found), quantile(found["took_ms"], 0.5), quantile(late["usual_ms"], 0.5)
    yield Advice(
        f"{agents_named(agents)} make the first question on each new connection wait {format_ms(late_ms)} "
        f"({format_ms(usual_ms)} on a reused one), after the system had accepted it",
        "keep connections open, and have the agents serve new ones immediately (a free thread or worker)",
        (*without_faults(facts, agents), *keep_all(facts)),
        spent,
        spent["waiting"] / facts.measured_count,
    )
