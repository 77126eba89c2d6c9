"""The connection pool: connections that are not kept, expire, or are too few."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._facts import MUCH, OPENING, Advice, Facts, rule
from fanout.runs.questions_csv import quantile
from fanout.text import format_ms

OFTEN = 0.2
"""The least number of avoidable connections worth advice, as a share of all questions."""
KEPT, MOST_OPEN, TOPOLOGY, EXPIRY = (
    "client.limits.max_keepalive_connections",
    "client.limits.max_connections",
    "client.topology",
    "client.limits.keepalive_expiry_s",
)


def _often(facts: Facts, count: int) -> bool:
    return count >= OFTEN * facts.asked.height


def _avoidable(facts: Facts) -> int:
    """How many connections we closed ourselves, beyond one for each agent."""
    closed, opened = facts.of_agent("closed_by_us"), facts.of_agent("opened")
    if closed is None or opened is None:
        return 0
    return sum(min(ours, max(0, made - 1)) for ours, made in zip(closed, opened, strict=True))


def _reopened(facts: Facts, why: str, remedy: str, keys: tuple[str, ...]) -> Advice:
    """Advice on connections that were opened again and again."""
    made, mean_ms = facts.holding(*OPENING, over_ms=0.0)
    return Advice(
        f"{facts.opened} connections were opened for {facts.asked.height} questions because {why}; opening one took "
        f"{format_ms(mean_ms)} on average for {made} questions",
        remedy,
        keys,
        facts.share(*OPENING),
        facts.reopening_ms(),
    )


@rule
def churn_below_the_agents(facts: Facts) -> Iterator[Advice]:
    """httpcore 1.0 compares all pooled connections, not the idle ones, with max_keepalive_connections."""
    kept, agents = facts.client.limits.max_keepalive_connections, facts.agents_of_a_client
    in_pool = facts.largest_in_a_client("max_in_pool")
    if kept is None or kept >= agents or in_pool is None or in_pool <= kept:
        return
    if _often(facts, _avoidable(facts)):
        most = facts.client.limits.max_connections
        both = most is not None and most < agents  # httpx needs max_connections to be no smaller than the other
        why = f"max_keepalive_connections={kept} is below {agents} agent{'s' * (agents > 1)}"
        remedy = f"set {f'{KEPT} and {MOST_OPEN}' if both else KEPT} to {agents} or more"
        if agents > 1 and kept > 0:
            yield _reopened(facts, why, f"{remedy}, or {TOPOLOGY} to per_agent", (KEPT, TOPOLOGY))
        else:
            yield _reopened(facts, why, remedy, (KEPT,))


@rule
def eviction_below_the_agents(facts: Facts) -> Iterator[Advice]:
    """A full pool closes an idle connection to make room for one to another agent."""
    limits, agents = facts.client.limits, facts.agents_of_a_client
    most, kept = limits.max_connections, limits.max_keepalive_connections
    in_pool = facts.largest_in_a_client("max_in_pool")
    if in_pool is None or (kept is not None and in_pool > kept):  # the latter is churn
        return
    if most is None or most >= agents or not _often(facts, _avoidable(facts)):
        return
    why = f"max_connections={most} is below {agents} agents, so each is closed to make room for another"
    yield _reopened(facts, why, f"set {MOST_OPEN} and {KEPT} to {agents} or more", (MOST_OPEN, KEPT))


@rule
def expiry_shorter_than_the_pauses(facts: Facts) -> Iterator[Advice]:
    limits = facts.client.limits
    kept, expiry_s = limits.max_keepalive_connections, limits.keepalive_expiry_s
    if expiry_s is None or (kept is not None and kept < facts.agents_of_a_client):
        return  # with fewer kept than agents, connections are closed before they can expire
    expired = facts.pauses.filter(~pl.col("reused") & (pl.col("pause_s") >= expiry_s))["pause_s"]
    if not _often(facts, expired.len()) or not _often(facts, sum(facts.of_agent("closed_by_us") or ())):
        return
    if expiry_s == 0:
        why, remedy = "keepalive_expiry_s=0 keeps none", f"remove {EXPIRY}"
    else:
        pause = format_ms(quantile(expired, 0.5) * 1000)
        why = f"keepalive_expiry_s={expiry_s:g} is shorter than the pause before them (median {pause})"
        remedy = f"set {EXPIRY} above {quantile(expired, 1.0):.3g}"
    yield Advice(
        f"{expired.len()} of {facts.asked.height} questions found their connection expired because {why}",
        remedy,
        (EXPIRY,),
        facts.share(*OPENING),
        facts.reopening_ms(),
    )


@rule
def full_pool(facts: Facts) -> Iterator[Advice]:
    most, wanted = facts.client.limits.max_connections, facts.largest_in_a_client("max_in_flight")
    in_pool = facts.largest_in_a_client("max_in_pool")
    if most is None or wanted is None or in_pool is None or most >= wanted or in_pool < most:
        return
    timed_out = facts.count(pl.col("error_kind") == "pool_timeout")
    waited, mean_ms = facts.holding("blocked")
    if timed_out or facts.share("blocked") >= MUCH:
        failed = f", and {timed_out} more gave up waiting" if timed_out else ""
        yield Advice(
            f"{waited} of {facts.asked.height} questions waited {format_ms(mean_ms)} on average for a free connection"
            f"{failed}, because max_connections={most} is below {wanted} questions in flight",
            f"set {MOST_OPEN} to {wanted} or more",
            (MOST_OPEN,),
            1.0 if timed_out else facts.share("blocked"),
            facts.mean_ms("blocked"),
        )
