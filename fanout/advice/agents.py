"""The agents: those that close connections, and those that are slower than the others."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator

from fanout.advice._facts import Facts, agents_named, ms, rule, spent
from fanout.phases import PHASES

CLOSED = 0.8
"""Of an agent's connections, and as many of its questions: fewer is no habit."""
SLOWER = 3.0
SLOWER_MS = 20.0


@rule
def agents_that_close_every_connection(facts: Facts) -> Iterator[str]:
    if not facts.coordinators:
        return
    asked: dict[int, int] = defaultdict(int)
    for outcome in facts.outcomes:
        asked[outcome.agent] += 1
    closed = [
        agent
        for agent, count in enumerate(facts.of_agent("closed_by_peer"), 1)
        if asked[agent] > 1 and count >= CLOSED * asked[agent]
    ]
    if closed:
        yield (
            f"{agents_named(closed)} closed each connection after one answer, so that no setting of the client "
            "can keep them: serve them by a server that keeps connections alive (Flask's development server doesn't)"
        )


@rule
def slow_agent(facts: Facts) -> Iterator[str]:
    by_agent = defaultdict(list)
    for outcome in facts.measured:
        by_agent[outcome.agent].append(outcome)
    means = {agent: sum(o.adapter_ms or 0 for o in asked) / len(asked) for agent, asked in by_agent.items()}
    if len(means) < 3:
        return
    slowest = max(means, key=lambda agent: means[agent])
    others_ms = statistics.median(mean for agent, mean in means.items() if agent != slowest)
    second_ms = max(mean for agent, mean in means.items() if agent != slowest)
    if means[slowest] < max(SLOWER * others_ms, others_ms + SLOWER_MS, SLOWER * second_ms):
        return
    phase = max(PHASES, key=lambda name: sum(spent(outcome, name) for outcome in by_agent[slowest]))
    address = facts.info.get("agents", {})[slowest - 1] if facts.info.get("agents") else "address unknown"
    yield (
        f"agent {slowest} ({address}) answers with {ms(means[slowest])} of adapter latency on average, mostly {phase}, "
        f"where the others have {ms(others_ms)}: look for the reason there, not in the client"
    )
