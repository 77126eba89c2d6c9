"""The coordinator itself: its CPU, its clients, its environment."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from fanout.advice._facts import Facts, ms, rule
from fanout.suspicion import saturation

BURST_SHARE = 0.5
BURST_WINDOW_S = 0.25
BURST_TIMES = 4.0
"""The first questions have to be so many times slower than the rest."""


@rule
def saturated(facts: Facts) -> Iterator[str]:
    for found in facts.coordinators:
        for way in saturation(found):
            remedy = (
                "use one client per agent, since a shared pool looks at all of its connections for each request"
                if facts.client.topology == "shared" and facts.agents > 1
                else "share the agents among more coordinator processes"
            )
            yield f"coordinator {found['coordinator']} {way}, and questions queued for it: {remedy}"
            break


@rule
def first_burst(facts: Facts) -> Iterator[str]:
    """A round asks every agent in the same instant, and one process has to work that off."""
    starts = [outcome.started for outcome in facts.measured if outcome.started is not None and outcome.round == 1]
    if not starts:
        return
    until = min(starts) + BURST_WINDOW_S
    first = [o for o in facts.measured if o.started is not None and o.round == 1 and o.started <= until]
    rest = [o for o in facts.measured if o.started is not None and o.started > until]
    if len(first) < 4 or not rest:
        return
    held_ms = sum(outcome.adapter_ms or 0 for outcome in first)
    first_ms, rest_ms = (statistics.median(o.adapter_ms or 0 for o in part) for part in (first, rest))
    if held_ms >= BURST_SHARE * facts.total_ms and first_ms >= BURST_TIMES * rest_ms:
        yield (
            f"the {len(first)} questions with which the round begins hold {held_ms / facts.total_ms:.0%} of the time "
            f"({ms(first_ms)} in the median, the others {ms(rest_ms)}), because they queue for the coordinator's one "
            "CPU: judge by the p50, or begin them one after another"
        )


@rule
def proxy_in_force(facts: Facts) -> Iterator[str]:
    elsewhere = sum(found["connections"]["elsewhere"] for found in facts.coordinators)
    if elsewhere:
        yield (
            f"{elsewhere} of {facts.opened} connections led to a proxy, because client.trust_env is true and "
            "HTTP_PROXY or the like is set: set trust_env=False, or name the agents in NO_PROXY"
        )


@rule
def tls_contexts_per_client(facts: Facts) -> Iterator[str]:
    client = facts.info.get("client") or {}
    if facts.client.tls_context == "per_client" and client.get("clients", 1) > 1:
        count = client["clients"]
        yield (
            f"making {count} clients took {ms(client['made_in_ms'])} before the first question, because each built a "
            "TLS context of its own, even for http: build one and pass it to all as verify="
        )
