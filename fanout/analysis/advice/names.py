"""Name lookups, which asyncio does on the executor that blocking calls are made on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from fanout.analysis.advice._facts import MUCH, Advice, Facts, ms, rule

WORTH_MS = 5.0


def _lookups(facts: Facts) -> tuple[float, float]:
    """The lookups' mean wait for a thread, and their mean own duration."""
    rows: list[Any] = [found["lookups"] for found in facts.coordinators if found["lookups"]["count"]]
    count = sum(row["count"] for row in rows)
    if not count:
        return 0.0, 0.0
    queued, took = (sum(row[name]["mean"] * row["count"] for row in rows) / count for name in ("queued_ms", "took_ms"))
    return queued, took


def _threads(facts: Facts) -> tuple[int, int]:
    """The executor's threads, and how many of them blocking calls held at once."""
    found = [(row["executor"]["max_busy_threads"], row["executor"]["threads"]) for row in facts.coordinators]
    busy, threads = max(found, default=(0, 0))
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
    took = ms(_lookups(facts)[1])
    yield Advice(
        f"{waited} of {facts.asked.height} questions waited {ms(mean_ms)} on average for a name lookup behind "
        f"{busy} busy executor threads (of {threads}){failed}; the lookup itself took {took}: connect by IP address, "
        "give the blocking calls or the resolver an executor of their own, or open fewer connections",
        facts.share("resolving"),
    )


@rule
def lookups_behind_each_other(facts: Facts) -> Iterator[Advice]:
    threads, busy = _threads(facts)
    if busy < threads and _queued(facts):
        queued_ms, took_ms = _lookups(facts)
        yield Advice(
            f"name lookups waited {ms(queued_ms)} on average for each other: one takes {ms(took_ms)}, and the executor "
            f"has {threads} threads: connect by IP address, use a caching resolver, or give the executor more threads",
            facts.share("resolving"),
        )


@rule
def slow_lookups(facts: Facts) -> Iterator[Advice]:
    queued_ms, took_ms = _lookups(facts)
    if took_ms > max(WORTH_MS, queued_ms) and facts.share("resolving") >= MUCH:
        waited, mean_ms = facts.holding("resolving", over_ms=WORTH_MS)
        yield Advice(
            f"{waited} of {facts.asked.height} questions spent {ms(mean_ms)} on average on a name lookup, since "
            "a lookup is slow by itself here: keep connections, use a caching resolver, or connect by IP address",
            facts.share("resolving"),
        )
