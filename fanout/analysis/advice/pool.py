"""The connection pool: connections that are not kept, expire, or are too few."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._advice import Change
from fanout.analysis.advice._facts import MUCH, Advice, Facts, rule
from fanout.analysis.advice._figures import MOST_IN_A_POOL
from fanout.analysis.advice._remedies import (
    EXPIRY,
    KEPT,
    MOST_OPEN,
    TOPOLOGY,
    keep,
    limits,
    one_client,
    open_more,
    per_agent,
    rounded_up,
)
from fanout.phases import PHASES, Phase
from fanout.runs.questions_csv import quantile
from fanout.text import format_ms

OFTEN = 0.2
"""The least number of avoidable connections worth advice, as a share of all questions."""
DEFAULT_EXPIRY_S = 5.0
"""An expiry below httpx's own was chosen by somebody, mostly because the agents close idle connections early."""


def _often(facts: Facts, count: int) -> bool:
    """Whether the limits of kept clients cost so many questions a new connection."""
    return facts.client.is_kept and count >= OFTEN * facts.asked.height


def _avoidable(facts: Facts) -> int:
    """How many connections we closed ourselves, beyond one for each agent."""
    closed, opened = facts.of_agent("closed_by_us"), facts.of_agent("opened")
    if closed is None or opened is None:
        return 0
    return sum(min(ours, max(0, made - 1)) for ours, made in zip(closed, opened, strict=True))


def _in_use(facts: Facts) -> str:
    """The connections that a client has to keep, in words."""
    agents, wanted = facts.agents_of_a_client, facts.connections_wanted
    if wanted == agents:
        return f"{agents} agent{'s' * (agents > 1)}"
    return f"{wanted} questions in flight"


def _each_its_own(facts: Facts, connections: int) -> tuple[str, tuple[Change, ...]]:
    """The remedy of one client for each agent, if so many connections are enough for one."""
    if facts.agents_of_a_client == 1 or connections < facts.scenario.dispatch.per_agent:
        return "", ()
    return f", or {TOPOLOGY} to per_agent", (per_agent(facts),)


def _with_room(facts: Facts, change: Change, wanted: int, connections: int) -> tuple[str, tuple[Change, ...]]:
    """The remedy of a pool for so many connections, or of a client for each agent, which may have these `connections`.

    Only the latter where one pool would be too large.
    """
    also, alone = _each_its_own(facts, connections)
    if alone and wanted > MOST_IN_A_POOL:
        return f"set {TOPOLOGY} to per_agent, since one pool for {wanted} connections costs too much CPU", alone
    return f"set {' and '.join(change.keys)} to {wanted} or more{also}", (change, *alone)


def _reopened(facts: Facts, why: str, remedy: str, changes: tuple[Change, ...]) -> Advice:
    """Advice on connections that were opened again and again."""
    made, mean_ms = facts.holding(*facts.opening, over_ms=0.0)
    beside = "" if "resolving" in facts.opening else " besides the lookup"
    return Advice(
        f"{facts.opened} connections were opened for {facts.asked.height} questions because {why}; opening one took "
        f"{format_ms(mean_ms)} on average for {made} questions{beside}",
        remedy,
        changes,
        facts.spent_ms(*facts.opening),
        facts.reopening_ms(*facts.opening),
    )


@rule
def churn_below_the_agents(facts: Facts) -> Iterator[Advice]:
    """httpcore 1.0 compares all pooled connections, not the idle ones, with max_keepalive_connections."""
    kept, wanted = facts.client.limits.max_keepalive_connections, facts.connections_wanted
    in_pool = facts.largest_in_a_client("max_in_pool")
    if kept is None or kept >= wanted or in_pool is None or in_pool <= kept:
        return
    if _often(facts, _avoidable(facts)):
        why = f"max_keepalive_connections={kept} is below {_in_use(facts)}"
        yield _reopened(facts, why, *_with_room(facts, keep(facts, wanted), wanted, kept))


@rule
def eviction_below_the_agents(facts: Facts) -> Iterator[Advice]:
    """A full pool closes an idle connection to make room for one to another agent."""
    most, kept = facts.client.limits.max_connections, facts.client.limits.max_keepalive_connections
    origins = max(len({facts.origins[agent] for agent in agents}) for agents in facts.clients)
    in_pool = facts.largest_in_a_client("max_in_pool")
    if in_pool is None or (kept is not None and in_pool > kept):  # the latter is churn
        return
    if most is None or most >= origins or not _often(facts, _avoidable(facts)):
        return
    why = f"max_connections={most} is below {origins} agents, so each is closed to make room for another"
    wanted = facts.connections_wanted
    yield _reopened(facts, why, f"set {MOST_OPEN} and {KEPT} to {wanted} or more", (keep(facts, wanted),))


@rule
def expiry_shorter_than_the_pauses(facts: Facts) -> Iterator[Advice]:
    kept, expiry_s = facts.client.limits.max_keepalive_connections, facts.client.limits.keepalive_expiry_s
    if expiry_s is None or (kept is not None and kept < facts.connections_wanted):
        return  # with fewer kept than agents, connections are closed before they can expire
    late = facts.pauses.filter(~pl.col("reused") & (pl.col("pause_s") >= expiry_s))
    expired = late.select("pause_s").collect().to_series()
    if not _often(facts, expired.len()) or not _often(facts, sum(facts.of_agent("closed_by_us") or ())):
        return
    longest_s = quantile(expired, 1.0)
    if facts.agents_close_after_s is not None and facts.agents_close_after_s <= longest_s:
        return  # the agents would close them before the next question, which costs that question
    changes: tuple[Change, ...] = (limits(facts, keepalive_expiry_s=rounded_up(1.2 * longest_s)),)
    if expiry_s == 0:
        why, remedy = "keepalive_expiry_s=0 keeps none", f"raise {EXPIRY}"
    else:
        pause = format_ms(quantile(expired, 0.5) * 1000)
        why = f"keepalive_expiry_s={expiry_s:g} is shorter than the pause before them (median {pause})"
        remedy = f"set {EXPIRY} above {longest_s:.3g}"
    if not isinstance(facts.scenario.agents, int) and 0 < expiry_s < DEFAULT_EXPIRY_S:
        remedy = f"only if the agents keep idle connections longer than that, {remedy}"
        changes = ()
    yield Advice(
        f"{expired.len()} of {facts.asked.height} questions found their connection expired because {why}",
        remedy,
        changes,
        facts.spent_ms(*facts.opening),
        facts.reopening_ms(*facts.opening),
    )


@rule
def new_client_for_each_question(facts: Facts) -> Iterator[Advice]:
    """A client that is made for one question can't keep a connection for the next."""
    if facts.client.is_kept or not facts.opened:
        return
    change = one_client(facts, facts.wanted_by(range(facts.agents)))
    phases: tuple[Phase, ...] = ("encode", *facts.opening)
    context = " builds a TLS context and" if facts.client.tls_context == "per_client" else ""
    _, mean_ms = facts.holding(*phases, over_ms=0.0)
    spent = facts.spent_ms(*(PHASES if facts.is_saturated else phases))  # the others queue for the CPU that these take
    yield Advice(
        f"{facts.opened} connections were opened for {facts.asked.height} questions because each makes a client of its "
        f"own, which{context} keeps no connection for the next: {format_ms(mean_ms)} a question",
        f"make one client and keep it: set {' and '.join(f'{key} to {value}' for key, value in change.values.items())}",
        (change,),
        spent,
        facts.mean_ms("encode") + facts.reopening_ms(*facts.opening),
        facts.because("late_loop").height if facts.is_saturated else 0,
    )


@rule
def full_pool(facts: Facts) -> Iterator[Advice]:
    most, wanted = facts.client.limits.max_connections, facts.largest_in_a_client("max_in_flight")
    in_pool = facts.largest_in_a_client("max_in_pool")
    if most is None or wanted is None or in_pool is None or most >= wanted or in_pool < most:
        return
    if facts.because("leaked_slots").height:
        return  # what looks like a full pool is one that has lost its slots
    timed_out = facts.because("full_pool").height
    waited, mean_ms = facts.holding("blocked")
    if timed_out or facts.share("blocked") >= MUCH:
        failed = f", and {timed_out} more gave up waiting" if timed_out else ""
        yield Advice(
            f"{waited} of {facts.asked.height} questions waited {format_ms(mean_ms)} on average for a free connection"
            f"{failed}, because max_connections={most} is below {wanted} questions in flight",
            *_with_room(facts, open_more(facts, wanted), wanted, most),
            facts.spent_ms("blocked"),
            facts.mean_ms("blocked"),
            timed_out,
        )


@rule
def leaked_slots(facts: Facts) -> Iterator[Advice]:
    lost = facts.because("leaked_slots")
    if lost.is_empty():
        return
    most, wanted = facts.client.limits.max_connections, facts.largest_in_a_client("max_in_flight") or facts.agents
    limit_s = min(filter(None, (facts.client.timeouts().pool, facts.client.deadline_s)))
    waiting = facts.spent_ms("blocked")
    more = (open_more(facts, wanted),) if most and most < wanted <= MOST_IN_A_POOL else ()
    set_more = "".join(f"{' and '.join(change.keys)} to {wanted} or more or " for change in more)
    yield Advice(
        f"{lost.height} of {facts.asked.height} questions got no connection within {limit_s:g} s although their pool "
        f"had room (max_connections={most}): {facts.client.library} loses a place in its pool for good when it "
        "cancels a question that waits for one",
        f"set {set_more}{TOPOLOGY} to per_agent, so that no question waits for a place; don't "
        "cancel waiting questions, or make a new client after that",
        (*more, per_agent(facts)),
        waiting if facts.share("blocked") >= MUCH else {},
        failures=lost.height + facts.because("full_pool").height,
    )
