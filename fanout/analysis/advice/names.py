"""Name lookups, which asyncio runs on the same executor as blocking calls."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._advice import Change
from fanout.analysis.advice._facts import Advice, Facts, rule
from fanout.analysis.advice._lookups import WORTH_MS, executor_threads, lookup_times, lookups_matter
from fanout.analysis.advice._remedies import (
    KEPT,
    NO_CALLS,
    OWN_RESOLVER,
    by_address,
    keep_all,
    rounded_up,
    threads,
    timeouts,
)
from fanout.scenario import MAX_THREADS
from fanout.text import format_ms

_RESOLVING = pl.col("resolving_ms")


def _addresses(facts: Facts) -> tuple[str, tuple[Change, ...]]:
    """The remedy that needs no lookup, and its change."""
    changes = by_address(facts)
    named = "".join(f" ({', '.join(change.keys)})" for change in changes)
    return f"use IP addresses{named}", changes


def _by_keeping(facts: Facts) -> tuple[str, tuple[Change, ...]]:
    """The remedy of keeping connections, if the pool keeps fewer than there are agents."""
    changes = keep_all(facts)
    named = "".join(f", or keep connections open ({change.keys[-1]}: {change.values[KEPT]})" for change in changes)
    return named, changes


def _waited(facts: Facts, why: str) -> str:
    """The beginning of a finding: how many questions waited, how long, and how many of them failed."""
    late = facts.because("lookup")
    rows = pl.concat([facts.measured.select(_RESOLVING), late.lazy().select(_RESOLVING)])
    waited = rows.filter(_RESOLVING > WORTH_MS).collect().to_series()
    mean_ms = float(waited.sum()) / max(1, waited.len())
    failed = f", and {late.height} of them failed because of it" if late.height else ""
    return f"{waited.len()} of {facts.asked.height} questions spent {format_ms(mean_ms)} on average {why}{failed}"


def _advice(facts: Facts, finding: str, remedy: str, changes: tuple[Change, ...]) -> Advice:
    _, took_ms = lookup_times(facts)
    matter = lookups_matter(facts)
    return Advice(
        finding,
        remedy,
        changes,
        facts.spent_ms("resolving") if matter else {},
        max(0.0, facts.mean_ms("resolving") - took_ms) if matter else None,
        facts.because("lookup").height,
    )


@rule
def lookups_behind_blocking_calls(facts: Facts) -> Iterator[Advice]:
    count, busy = executor_threads(facts)
    queued_ms, took_ms = lookup_times(facts)
    late = facts.because("lookup").height > 0
    if not count or busy < count or not (late or (lookups_matter(facts) and queued_ms >= took_ms)):
        return
    first, changes = _addresses(facts)
    also, keeping = _by_keeping(facts)
    took = f"; the lookup itself took {format_ms(took_ms)}" if took_ms else ""
    yield _advice(
        facts,
        _waited(facts, f"on a name lookup because blocking calls held {busy} of {count} executor threads") + took,
        f"{first}, set coordinator.resolver to own_executor, make blocking calls on an executor of their own{also}",
        (*changes, OWN_RESOLVER, NO_CALLS, *keeping),
    )


@rule
def lookups_behind_each_other(facts: Facts) -> Iterator[Advice]:
    count, busy = executor_threads(facts)
    queued_ms, took_ms = lookup_times(facts)
    if not count or busy >= count or not lookups_matter(facts) or queued_ms < took_ms:
        return
    first, changes = _addresses(facts)
    also, keeping = _by_keeping(facts)
    more = min(MAX_THREADS, facts.connections["max_in_flight"] or facts.agents)
    raised = f", raise coordinator.executor.threads to {more}" if more > count else ""
    yield _advice(
        facts,
        f"name lookups waited {format_ms(queued_ms)} on average for each other, because one takes "
        f"{format_ms(took_ms)} and the executor has {count} threads",
        f"{first}, use a caching resolver{raised}{also}",
        (*changes, *((threads(more),) if raised else ()), *keeping),
    )


@rule
def slow_lookups(facts: Facts) -> Iterator[Advice]:
    count, busy = executor_threads(facts)
    queued_ms, took_ms = lookup_times(facts)
    late = facts.because("lookup")
    slow = lookups_matter(facts) and took_ms > queued_ms
    if not (slow or (late.height and (not count or busy < count) and not lookups_matter(facts))):
        return
    first, changes = _addresses(facts)
    also, keeping = _by_keeping(facts)
    limit_s = facts.client.timeouts().connect
    within = f"; client.timeout_s.connect, {limit_s:g} s, covers the lookup too" if late.height and limit_s else ""
    if late.height and limit_s:
        keeping = (*keeping, timeouts(facts, connect=rounded_up(4 * limit_s)))
    yield _advice(
        facts,
        _waited(facts, "on a name lookup because the resolver is slow") + within,
        f"{first}, use a caching resolver{also}",
        (*changes, *keeping),
    )


@rule
def unknown_names(facts: Facts) -> Iterator[Advice]:
    wrong = facts.because("unknown_name").height
    if wrong:
        yield Advice(
            f"{wrong} of {facts.asked.height} questions failed because no such host name exists",
            "correct the host name in agents, or add it to the resolver (DNS, /etc/hosts)",
            failures=wrong,
        )


@rule
def resolver_failures(facts: Facts) -> Iterator[Advice]:
    failed = facts.because("resolver_failed").height
    if failed:
        first, changes = _addresses(facts)
        yield Advice(
            f"{failed} of {facts.asked.height} questions failed because the resolver could not answer at that time, "
            "though the name may be right",
            f"{first}, use a caching resolver, or look for the reason in the name server",
            changes,
            failures=failed,
        )
