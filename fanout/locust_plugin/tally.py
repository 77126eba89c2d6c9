"""What a run's outcomes say about its agents: counted as they come, told at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from fanout.outcome import Outcome


class Tally:
    """Counts by agent, and answers whose service time can't be right."""

    def __init__(self) -> None:
        self._asked: Counter[int] = Counter()
        self._failed: Counter[int] = Counter()
        self._ok = 0
        self._without_service_time = 0
        self._impossible = 0

    def add(self, outcome: Outcome) -> None:
        self._asked[outcome.agent] += 1
        # A question that never left the pool is no fault of the agent's.
        self._failed[outcome.agent] += outcome.status == "failed" and outcome.error_kind != "pool_timeout"
        self._ok += outcome.status == "ok"
        self._without_service_time += outcome.status == "ok" and outcome.service_ms is None
        self._impossible += any(spent is not None and spent < 0 for spent in _durations(outcome))

    def problems(self, addresses: Sequence[str], dead: Collection[int] = ()) -> list[str]:
        """What makes the figures doubtful, each with what to do. `addresses` are the agents', in order.

        Of `dead` agents, counted from 1, it is known why they failed.
        """
        problems = []
        total = sum(self._asked.values())
        broken = [agent for agent, asked in sorted(self._asked.items()) if self._failed[agent] == asked]
        if len(broken) < len(self._asked):
            for agent in sorted(set(broken) - set(dead)):
                more = self._asked[agent] > total / len(addresses)
                problems.append(
                    f"agent {agent} ({addresses[agent - 1]}) failed every question that it took, {self._asked[agent]} "
                    f"of {total}: repair it{', since an agent that fails at once is asked the more' if more else ''}"
                )
        if self._without_service_time:
            problems.append(
                f"{self._without_service_time} of {self._ok} answers came without a service time, so their adapter "
                "latency is not known: have the agents send Server-Timing: service;dur=MS"
            )
        if self._impossible:
            problems.append(
                f"{self._impossible} answers name a service time longer than they took: correct what the agents "
                "send in Server-Timing, which is in milliseconds"
            )
        return problems


def _durations(outcome: Outcome) -> list[float | None]:
    return [outcome.adapter_ms, *(outcome.phases_ms or {}).values()]
