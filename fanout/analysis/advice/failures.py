"""Questions that failed for a reason that the client's settings have a part in."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._facts import Advice, Facts, rule
from fanout.text import agents_named


@rule
def stale_connections(facts: Facts) -> Iterator[Advice]:
    """What goes out on a kept connection before the client has noticed that the agent closed it is lost."""
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
    after = "for ever" if expiry_s is None else f"for {expiry_s:g} s"
    yield Advice(
        f"{lost.height} of {facts.asked.height} questions were lost without a word on connections to "
        f"{agents_named(agents)} that had answered before, and that the client keeps {after}: set "
        "keepalive_expiry_s below the agents' own keep-alive timeout, or ask such a question once more"
    )


@rule
def agents_that_ask_for_less(facts: Facts) -> Iterator[Advice]:
    """429 and 503 say: not now. A coordinator that goes on at once is refused again."""
    status = pl.col("error").str.extract("^HTTP (429|503) ")
    refused = facts.asked.filter((pl.col("error_kind") == "http_status") & status.is_not_null())
    if refused.is_empty():
        return
    agents = refused["agent"].unique().sort().to_list()
    named = " and ".join(refused.select(status.unique().sort()).to_series().to_list())
    asks = refused["error"].str.contains("Retry-After", literal=True).any()
    wait = "wait as long as Retry-After says" if asks else "wait before the next question"
    yield Advice(
        f"{agents_named(agents)} refused {refused.height} of {facts.asked.height} questions for now (HTTP "
        f"{named}) and {'was' if len(agents) == 1 else 'were'} asked again at once: {wait}, or ask fewer at a time"
    )
