"""Name lookups, which asyncio runs on the same executor as blocking calls."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._facts import MUCH, Advice, Facts, rule
from fanout.runs.schema import LookupTimes, MeanAndMax
from fanout.text import format_ms

WORTH_MS = 5.0
"""The least wait for a lookup that is worth advice."""
HOST, RESOLVER, THREADS = "workers.host", "coordinator.resolver", "coordinator.executor.threads"
BY_ADDRESS = f"use IP addresses ({HOST}: 127.0.0.1)"


def _lookups(facts: Facts) -> tuple[float, float]:
    """The lookups' mean wait for a thread, and the mean duration of the lookup itself."""
    count, queued_ms, took_ms = 0, 0.0, 0.0
    for found in facts.coordinators:
        reported = found.lookups or LookupTimes()
        queued, took = ((times or MeanAndMax()).mean for times in (reported.queued_ms, reported.took_ms))
        if reported.count and queued is not None and took is not None:
            count += reported.count
            queued_ms += queued * reported.count
            took_ms += took * reported.count
    return (queued_ms / count, took_ms / count) if count else (0.0, 0.0)


def _threads(facts: Facts) -> tuple[int, int]:
    """The executor's threads, and the most of them that blocking calls held at the same time."""
    used = [found.executor for found in facts.coordinators if found.executor is not None]
    busy, threads = max(((each.max_busy_threads or 0, each.threads or 0) for each in used), default=(0, 0))
    return threads, busy


def _queued(facts: Facts) -> bool:
    """Whether lookups waited for a thread long enough to matter."""
    queued_ms, took_ms = _lookups(facts)
    return queued_ms >= max(WORTH_MS, took_ms) and facts.share("resolving") >= MUCH


def _saved_ms(facts: Facts, took_ms: float) -> float:
    """What a question would save if its lookup did not wait."""
    return max(0.0, facts.mean_ms("resolving") - took_ms)


@rule
def lookups_behind_blocking_calls(facts: Facts) -> Iterator[Advice]:
    threads, busy = _threads(facts)
    gave_up = facts.count((pl.col("error_kind") == "connect_timeout") & (pl.col("resolving_ms") > WORTH_MS))
    if not threads or busy < threads or not (gave_up or _queued(facts)):
        return
    waited, mean_ms = facts.holding("resolving", over_ms=WORTH_MS)
    failed = f", and {gave_up} more were not connected in time because of it" if gave_up else ""
    _, took_ms = _lookups(facts)
    yield Advice(
        f"{waited} of {facts.asked.height} questions waited {format_ms(mean_ms)} on average for a name lookup, because "
        f"blocking calls held {busy} of {threads} executor threads{failed}; the lookup itself took "
        f"{format_ms(took_ms)}",
        f"{BY_ADDRESS}, set {RESOLVER} to own_executor, or make blocking calls on a thread pool of their own",
        (HOST, RESOLVER),
        facts.share("resolving"),
        _saved_ms(facts, took_ms),
    )


@rule
def lookups_behind_each_other(facts: Facts) -> Iterator[Advice]:
    threads, busy = _threads(facts)
    if busy < threads and _queued(facts):
        queued_ms, took_ms = _lookups(facts)
        yield Advice(
            f"name lookups waited {format_ms(queued_ms)} on average for each other, because one takes "
            f"{format_ms(took_ms)} and the executor has {threads} threads",
            f"{BY_ADDRESS}, use a caching resolver, or raise {THREADS}",
            (HOST, THREADS),
            facts.share("resolving"),
            _saved_ms(facts, took_ms),
        )


@rule
def slow_lookups(facts: Facts) -> Iterator[Advice]:
    queued_ms, took_ms = _lookups(facts)
    if took_ms > max(WORTH_MS, queued_ms) and facts.share("resolving") >= MUCH:
        waited, mean_ms = facts.holding("resolving", over_ms=WORTH_MS)
        yield Advice(
            f"{waited} of {facts.asked.height} questions spent {format_ms(mean_ms)} on average on a name lookup, "
            "because the resolver is slow",
            f"{BY_ADDRESS}, use a caching resolver, or keep connections open",
            (HOST,),
            facts.share("resolving"),
            facts.mean_ms("resolving"),
        )
