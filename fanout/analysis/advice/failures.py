"""Questions that failed for a reason in which the client's settings play a part."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._facts import Advice, Facts, rule
from fanout.text import agents_named


@rule
def stale_connections(facts: Facts) -> Iterator[Advice]:
    """A question is lost if it is sent on a kept connection before the client notices that the agent closed it."""
    unanswered = (pl.col("error_kind") == "connection_lost") & (pl.col("receiving_ms") == 0)
    workers = facts.info.workers
    if workers is None and isinstance(facts.scenario.agents, int):
        return  # the fleet died, which explains them all
    dead = [found.agent for found in workers or () if found.deaths]
    lost = facts.asked.filter(unanswered & pl.col("reused") & ~pl.col("agent").is_in(dead))
    if lost.is_empty():
        return
    agents = lost["agent"].unique().sort().to_list()
    expiry_s = facts.client.limits.keepalive_expiry_s
    after = "forever" if expiry_s is None else f"for {expiry_s:g} s"
    yield Advice(
        f"{lost.height} of {facts.asked.height} questions were lost on reused connections to {agents_named(agents)}, "
        f"which the agents had closed while the client keeps them {after}",
        "set client.limits.keepalive_expiry_s below the agents' keep-alive timeout, or retry such questions once",
        ("client.limits.keepalive_expiry_s",),
    )


@rule
def agents_that_ask_for_less(facts: Facts) -> Iterator[Advice]:
    """HTTP 429 and 503 ask for a pause. A coordinator that sends the next question immediately is refused again."""
    status = pl.col("error").str.extract("^HTTP (429|503) ")
    refused = facts.asked.filter((pl.col("error_kind") == "http_status") & status.is_not_null())
    if refused.is_empty():
        return
    agents = refused["agent"].unique().sort().to_list()
    named = " and ".join(refused.select(status.unique().sort()).to_series().to_list())
    asks = refused["error"].str.contains("Retry-After", literal=True).any()
    wait = "wait as long as Retry-After says" if asks else "wait before the next question"
    yield Advice(
        f"{agents_named(agents)} refused {refused.height} of {facts.asked.height} questions for now (HTTP {named}), "
        "and the coordinator sent the next ones immediately",
        f"{wait} (coordinator.pause_s), or send fewer questions at a time",
        ("coordinator.pause_s",),
    )
