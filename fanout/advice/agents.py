"""The agents: those that close connections, and those that are slower than the others."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator

from fanout.advice._facts import OPENING, Advice, Facts, ms, rule, spent
from fanout.audit import agents_named
from fanout.phases import Phase

CLOSED = 0.8
"""Of an agent's answers: fewer closed connections are no habit."""
PAUSE_S = 1.0
"""After a pause of so long it may be an idle timeout that closed them."""
AGENT_S: tuple[Phase, ...] = ("connecting", "tls_handshaking", "sending", "waiting", "receiving")
"""The phases in which a question can wait for its agent."""
SLOWER = 3.0
SLOWER_MS = 20.0
MOST_NAMED = 3
MOST = 1 / 3
"""Of the agents: more than that aren't the exception."""


@rule
def agents_that_close_every_connection(facts: Facts) -> Iterator[Advice]:
    if not facts.coordinators:
        return
    answered: dict[int, int] = defaultdict(int)
    for outcome in facts.outcomes:
        answered[outcome.agent] += outcome.status == "ok"
    closed = [
        agent
        for agent, count in enumerate(facts.of_agent("closed_by_peer"), 1)
        if answered[agent] > 1 and count >= CLOSED * answered[agent]
    ]
    if not closed:
        return
    pause_s = statistics.median([pause for pause, _ in facts.pauses] or [0.0])
    server = "serve them by a server that keeps connections alive (Flask's development server doesn't)"
    if pause_s >= PAUSE_S:
        how = f"in the pause after an answer ({pause_s:.1f} s in the median)"
        remedy = f"raise their server's keep-alive timeout over that, or {server}"
    else:
        how, remedy = "after one answer, so that no setting of the client can keep them", server
    yield Advice(
        f"{agents_named(closed, MOST_NAMED)} closed each connection {how}: {remedy}",
        facts.share(*OPENING),
    )


@rule
def slow_agents(facts: Facts) -> Iterator[Advice]:
    by_agent = defaultdict(list)
    for outcome in facts.measured:
        by_agent[outcome.agent].append(spent(outcome, *AGENT_S))
    means = {agent: statistics.mean(asked) for agent, asked in by_agent.items()}
    if len(means) < 3:
        return
    usual_ms = statistics.median(means.values())
    slow = sorted(agent for agent, mean in means.items() if mean >= max(SLOWER * usual_ms, usual_ms + SLOWER_MS))
    if not slow or len(slow) > MOST * len(means):
        return
    asked = [outcome for outcome in facts.measured if outcome.agent in slow]
    phase = max(AGENT_S, key=lambda name: sum(spent(outcome, name) for outcome in asked))
    addresses = facts.info.get("agents") or []
    where = f" ({addresses[slow[0] - 1]})" if len(slow) == 1 and len(addresses) >= slow[0] else ""
    mean = ms(statistics.mean(spent(outcome, *AGENT_S) for outcome in asked))
    who = f"{agents_named(slow, MOST_NAMED)}{where} take{'s' * (len(slow) == 1)}"
    yield Advice(
        f"{who} {mean} a question besides thinking, mostly {phase}, where the others take {ms(usual_ms)}: look for the "
        "reason there, not in the client",
        sum(spent(outcome, *AGENT_S) for outcome in asked) / facts.total_ms,
    )
