"""Name lookups, which asyncio does on the executor that blocking calls are made on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fanout.advice._facts import MUCH, Facts, ms, rule, spent

WORTH_MS = 5.0
REMEDIES = "keep connections, connect by IP address, or give the resolver an executor of its own"


def _lookups(facts: Facts) -> tuple[float, float]:
    """The lookups' mean wait for a thread, and their mean own duration."""
    rows: list[Any] = [found["lookups"] for found in facts.coordinators if found["lookups"]["count"]]
    count = sum(row["count"] for row in rows)
    if not count:
        return 0.0, 0.0
    queued, took = (sum(row[name]["mean"] * row["count"] for row in rows) / count for name in ("queued_ms", "took_ms"))
    return queued, took


@rule
def lookups_behind_blocking_calls(facts: Facts) -> Iterator[str]:
    queued_ms, took_ms = _lookups(facts)
    busy = max((found["executor"]["max_busy_threads"] for found in facts.coordinators), default=0)
    gave_up = sum(o.error_kind == "connect_timeout" and spent(o, "resolving") > WORTH_MS for o in facts.outcomes)
    waits = queued_ms >= max(WORTH_MS, took_ms) and facts.share("resolving") >= MUCH
    if not busy or not (waits or gave_up):
        return
    waited, mean_ms = facts.holding("resolving", over_ms=WORTH_MS)
    threads = max(found["executor"]["threads"] for found in facts.coordinators)
    failed = f", and {gave_up} more were not connected in time because of it" if gave_up else ""
    yield (
        f"{len(waited)} of {len(facts.outcomes)} questions waited {ms(mean_ms)} on average for a name lookup behind "
        f"{busy} busy executor threads (of {threads}){failed}; the lookup itself took {ms(took_ms)}: {REMEDIES}"
    )


@rule
def slow_lookups(facts: Facts) -> Iterator[str]:
    queued_ms, took_ms = _lookups(facts)
    if took_ms >= max(WORTH_MS, queued_ms) and facts.share("resolving") >= MUCH:
        waited, mean_ms = facts.holding("resolving", over_ms=WORTH_MS)
        yield (
            f"{len(waited)} of {len(facts.outcomes)} questions spent {ms(mean_ms)} on average on a name lookup, since "
            "a lookup is slow by itself here: keep connections, use a caching resolver, or connect by IP address"
        )
