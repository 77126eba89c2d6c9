"""The connection pool: connections that aren't kept, expire, or are too few."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from fanout.advice._facts import MUCH, Facts, ms, rule

OFTEN = 0.2
"""Of all questions: fewer avoidable connections than this aren't worth a word."""


def _avoidable(facts: Facts) -> int:
    """Connections beyond one for each agent that was asked, that we closed ourselves."""
    closed, opened = facts.of_agent("closed_by_us"), facts.of_agent("opened")
    return sum(min(ours, max(0, made - 1)) for ours, made in zip(closed, opened, strict=True))


def _cost(facts: Facts) -> str:
    """What the questions on new connections paid for that."""
    made, mean_ms = facts.holding("resolving", "connecting", "tls_handshaking", over_ms=0.0)
    return f"the {len(made)} questions on a new one spent {ms(mean_ms)} on it on average"


@rule
def churn_below_the_agents(facts: Facts) -> Iterator[str]:
    """httpcore 1.0 compares all pooled connections, not the idle ones, with max_keepalive_connections."""
    kept = facts.client.limits.max_keepalive_connections
    if facts.client.topology != "shared" or kept is None or kept >= facts.agents:
        return
    if _avoidable(facts) >= OFTEN * len(facts.outcomes):
        yield (
            f"{facts.opened} connections were opened for {len(facts.outcomes)} questions because "
            f"max_keepalive_connections={kept} is below {facts.agents} agent{'s' * (facts.agents > 1)}, and "
            f"{_cost(facts)}: raise it to {facts.agents} or more{', or use one client per agent' * (kept > 0)}"
        )


@rule
def expiry_shorter_than_the_pauses(facts: Facts) -> Iterator[str]:
    expiry_s = facts.client.limits.keepalive_expiry_s
    if expiry_s is None:
        return
    expired = [pause_s for pause_s, after in facts.pauses if after.reused is False and pause_s >= expiry_s]
    if len(expired) >= OFTEN * len(facts.outcomes):
        yield (
            f"{len(expired)} of {len(facts.outcomes)} questions found their connection expired, because "
            f"keepalive_expiry_s={expiry_s:g} is shorter than the pause before them "
            f"({statistics.median(expired):.1f} s in the median), and {_cost(facts)}: raise it over "
            f"{max(expired):.1f} s"
        )


@rule
def full_pool(facts: Facts) -> Iterator[str]:
    most = facts.client.limits.max_connections
    if most is None or facts.largest("max_in_pool") < most:
        return
    timed_out = sum(outcome.error_kind == "pool_timeout" for outcome in facts.outcomes)
    waited, mean_ms = facts.holding("blocked")
    if timed_out or (facts.share("blocked") >= MUCH and facts.largest("max_in_flight") > most):
        failed = f", and {timed_out} more gave up waiting" if timed_out else ""
        yield (
            f"{len(waited)} of {len(facts.outcomes)} questions waited {ms(mean_ms)} on average for a free connection"
            f"{failed}, because max_connections={most} is below {facts.largest('max_in_flight')} questions in flight: "
            f"raise it to {facts.largest('max_in_flight')} or more"
        )
