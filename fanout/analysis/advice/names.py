"""Name lookups, which asyncio does on the executor that blocking calls are made on."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._facts import MUCH, Advice, Facts, rule
from fanout.runs.schema import LookupTimes, MeanAndMax
from fanout.text import format_ms

WORTH_MS = 5.0


def _lookups(facts: Facts) -> tuple[float, float]:
    """The lookups' mean wait for a thread, and their mean own duration."""
    count, queued_ms, took_ms = 0, 0.0, 0.0
    for found in facts.coordinators:
        told = found.lookups or LookupTimes()
        queued, took = ((times or MeanAndMax()).mean for times in (told.queued_ms, told.took_ms))
        if told.count and queued is not None and took is not None:
            count += told.count
            queued_ms += queued * told.count
            took_ms += took * told.count
    return (queued_ms / count, took_ms / count) if count else (0.0, 0.0)


def _threads(facts: Facts) -> tuple[int, int]:
    """The executor's threads, and how many of them blocking calls held at once."""
    used = [found.executor for found in facts.coordinators if found.executor is not None]
    busy, threads = max(((each.max_busy_threads or 0, each.threads or 0) for each in used), default=(0, 0))
    return threads, busy


def _queued(facts: Facts) -> bool:
    """Whether lookups waited for a thread, and that held much of the time."""
    queued_ms, took_ms = _lookups(facts)
    return queued_ms >= max(WORTH_MS, took_ms) and facts.share("resolving") >= MUCH


@rule
def lookups_behind_blocking_calls(facts: Facts) -> Iterator[Advice]:
    threads, busy = _threads(facts)
    gave_up = facts.count((pl.col("error_kind") == "connect_timeout") & (pl.col("resolving_ms") > WORTH_MS))
    if not threads or busy < threads or not (gave_up or _queued(facts)):
        return
    waited, mean_ms = facts.holding("resolving", over_ms=WORTH_MS)
    failed = f", and {gave_up} more were not connected in time because of it" if gave_up else ""
    took = format_ms(_lookups(facts)[1])
    yield Advice(
        f"{waited} of {facts.asked.height} questions waited {format_ms(mean_ms)} on average for a name lookup behind "
        f"{busy} busy executor threads (of {threads}){failed}; the lookup itself took {took}: connect by IP address, "
        "give the blocking calls or the resolver an executor of their own, or open fewer connections",
        facts.share("resolving"),
    )


@rule
def lookups_behind_each_other(facts: Facts) -> Iterator[Advice]:
    threads, busy = _threads(facts)
    if busy < threads and _queued(facts):
        queued, took = map(format_ms, _lookups(facts))
        yield Advice(
            f"name lookups waited {queued} on average for each other: one takes {took}, and the executor has {threads} "
            "threads: connect by IP address, use a caching resolver, or give the executor more threads",
            facts.share("resolving"),
        )


@rule
def slow_lookups(facts: Facts) -> Iterator[Advice]:
    queued_ms, took_ms = _lookups(facts)
    if took_ms > max(WORTH_MS, queued_ms) and facts.share("resolving") >= MUCH:
        waited, mean_ms = facts.holding("resolving", over_ms=WORTH_MS)
        yield Advice(
            f"{waited} of {facts.asked.height} questions spent {format_ms(mean_ms)} on average on a name lookup, since "
            "a lookup is slow by itself here: keep connections, use a caching resolver, or connect by IP address",
            facts.share("resolving"),
        )
