"""What a scenario's settings contradict, known before any question is sent.

A check is a function that receives the facts of a run without questions, whose client is the one in effect. To add one,
put `@check` before a function here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

from fanout.analysis.advice import Advice, Check, Facts, said_by
from fanout.analysis.advice._figures import MOST_IN_A_POOL
from fanout.analysis.advice._remedies import (
    EXPIRY,
    HOST,
    KEPT,
    NO_CALLS,
    OWN_RESOLVER,
    RESOLVER,
    TOPOLOGY,
    by_address,
    keep,
    limits,
    one_client,
    open_more,
    per_agent,
    rounded_up,
    timeouts,
)
from fanout.runs.questions_csv import TYPES
from fanout.runs.reader import Run
from fanout.runs.schema import SCHEMA, ClientInfo, RunInfo
from fanout.scenario import Limits, Scenario, is_ip_address

CHECKS: list[Check] = []
BEFORE_THE_AGENTS = 0.8
"""A client should close idle connections after this share of the agents' time, so that it comes first."""
DEFAULT_THREADS = 32
"""The most threads of asyncio's default executor, on a machine with many CPUs."""


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def audit(scenario: Scenario, addresses: Sequence[str], client: ClientInfo) -> list[Advice]:
    """What contradicts what, in the order of the checks. `client` has the settings in effect."""
    info = RunInfo(SCHEMA, agents=tuple(addresses), client=client)
    facts = Facts(Run(Path(scenario.name), scenario, info, pl.DataFrame(schema=TYPES)))
    return said_by(CHECKS, facts)


@check
def limits_without_effect(facts: Facts) -> Iterator[Advice]:
    """Limits that somebody chose, and that the library makes something else of."""
    chosen, now, defaults = facts.scenario.client.limits, facts.client.limits, Limits()
    for name, value in chosen:
        actual = getattr(now, name)
        if facts.client.factory is None and value != getattr(defaults, name) and value != actual:
            made = "unlimited" if actual is None else actual
            yield Advice(
                f"client.limits.{name}={'unlimited' if value is None else value} has no effect: with "
                f"{facts.client.library}, it is {made}",
                "choose limits that the library has, or another client.library",
            )


@check
def client_for_each_question(facts: Facts) -> Iterator[Advice]:
    if not facts.client.is_kept:
        change = one_client(facts, facts.wanted_by(range(facts.agents)))
        yield Advice(
            "each question will make a client of its own, which keeps no connection for the next",
            f"make one client and keep it: set {TOPOLOGY} to shared",
            (change,),
        )


@check
def connections_not_kept(facts: Facts) -> Iterator[Advice]:
    kept, wanted = facts.client.limits.max_keepalive_connections, facts.connections_wanted
    if not facts.client.is_kept or kept is None or kept >= wanted or _is_too_small(facts):
        return
    yield Advice(
        f"max_keepalive_connections={kept} is below {wanted} connections that questions in flight need, so questions "
        "will open connections again and again",
        f"set {KEPT} to {wanted} or more, or {TOPOLOGY} to per_agent",
        (keep(facts, wanted), per_agent(facts)) if wanted <= MOST_IN_A_POOL else (per_agent(facts),),
    )


@check
def pool_below_the_fan_out(facts: Facts) -> Iterator[Advice]:
    most, wanted = facts.client.limits.max_connections, facts.connections_wanted
    if not facts.client.is_kept or not _is_too_small(facts):
        return
    pool_s = facts.client.timeouts().pool
    high_s = _high_s(facts)
    fails = ""
    if pool_s is not None and high_s is not None and high_s > pool_s:
        fails = f", and fail if that takes longer than the pool timeout, {pool_s:g} s: agents take up to {high_s:.3g} s"
    yield Advice(
        f"max_connections={most} is below {wanted} questions in flight, so questions will wait for a free connection"
        f"{fails}",
        f"set client.limits.max_connections to {wanted} or more, or {TOPOLOGY} to per_agent",
        (open_more(facts, wanted), per_agent(facts)) if wanted <= MOST_IN_A_POOL else (per_agent(facts),),
    )


@check
def pool_too_large(facts: Facts) -> Iterator[Advice]:
    """The forks make shorter passes over their connections, and aiohttp makes none."""
    wanted = facts.connections_wanted
    if facts.client.library != "httpx" or wanted <= MOST_IN_A_POOL or _is_too_small(facts):
        return
    yield Advice(
        f"one pool will hold {wanted} connections, and httpx goes through all of them twice for each request",
        f"set {TOPOLOGY} to per_agent, or client.library to httpx-aiohttp",
        (per_agent(facts),),
    )


@check
def read_timeout_below_the_service_time(facts: Facts) -> Iterator[Advice]:
    read_s, high_s = facts.client.timeouts().read, _high_s(facts)
    if read_s is None or high_s is None or high_s <= read_s:
        return
    wanted_s = rounded_up(1.5 * high_s)
    yield Advice(
        f"the read timeout of {read_s:g} s is below the agents' service times, of which one in twenty is longer than "
        f"{high_s:.3g} s",
        f"set client.timeout_s.read to {wanted_s:g} or more",
        (timeouts(facts, read=wanted_s),),
    )


@check
def idle_connections_that_agents_close(facts: Facts) -> Iterator[Advice]:
    """A question on a connection that its agent is closing is lost."""
    if not isinstance(facts.scenario.agents, int) or not facts.client.is_kept:
        return
    closes_s, expiry_s = facts.scenario.workers.idle_s, facts.client.limits.keepalive_expiry_s
    if not closes_s or (expiry_s is not None and expiry_s < closes_s):
        return
    ours = "for ever" if expiry_s is None else f"for {expiry_s:g} s"
    wanted_s = round(BEFORE_THE_AGENTS * closes_s, 2)
    yield Advice(
        f"{facts.scenario.workers.server} closes idle connections after {closes_s:g} s, and the client keeps them "
        f"{ours}, so a question may be sent on one that is being closed",
        f"set {EXPIRY} to {wanted_s:g}, below the agents' time, or workers.keep_alive_s above the client's",
        (limits(facts, keepalive_expiry_s=wanted_s),),
    )


@check
def expiry_below_the_pause(facts: Facts) -> Iterator[Advice]:
    expiry_s, pause_s = facts.client.limits.keepalive_expiry_s, facts.scenario.coordinator.pause_s
    if not facts.client.is_kept or expiry_s is None or not pause_s or pause_s < expiry_s:
        return
    wanted_s = rounded_up(1.2 * pause_s)
    yield Advice(
        f"keepalive_expiry_s={expiry_s:g} is not above coordinator.pause_s={pause_s:g}, so each question will open a "
        "connection",
        f"set {EXPIRY} to {wanted_s:g} or more",
        (limits(facts, keepalive_expiry_s=wanted_s),),
    )


@check
def lookups_behind_blocking_calls(facts: Facts) -> Iterator[Advice]:
    settings, scenario = facts.scenario.coordinator, facts.scenario
    in_flight = facts.agents * scenario.dispatch.per_agent
    threads = settings.executor.threads or DEFAULT_THREADS
    if settings.executor.blocking_calls == "none" or settings.resolver != "default" or in_flight <= threads:
        return
    if all(is_ip_address(urlsplit(address).hostname or "") for address in facts.info.agents):
        return
    yield Advice(
        f"{in_flight} questions in flight hold a thread each, and the executor has {threads}, so name lookups will "
        "wait behind blocking calls",
        f"use IP addresses ({HOST}), set {RESOLVER} to own_executor, or make blocking calls on an executor of their "
        "own",
        (*by_address(facts), OWN_RESOLVER, NO_CALLS),
    )


@check
def proxies_of_the_environment(facts: Facts) -> Iterator[Advice]:
    if facts.info.client is not None and facts.info.client.proxies:
        yield Advice(
            f"the environment names proxies ({', '.join(facts.info.client.proxies)}), through which questions will go",
            "set client.trust_env to false, or name the agents in NO_PROXY",
        )


def _is_too_small(facts: Facts) -> bool:
    """Whether a pool can't have a connection for each question in flight."""
    most = facts.client.limits.max_connections
    return most is not None and most < facts.connections_wanted


def _high_s(facts: Facts) -> float | None:
    """A long service time of the agents; None if they run already, so that nobody knows."""
    return facts.scenario.workers.service_time.high_s if isinstance(facts.scenario.agents, int) else None
