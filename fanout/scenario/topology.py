"""Topologies: which agents share a client, and with it a connection pool and its limits, and how long it lives.

To add one, add an entry to TOPOLOGIES. Scenarios then accept and describe it, and everything that depends on a client's
agents follows: the clients that a coordinator makes, file descriptors, the advice about a full pool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Topology:
    description: str
    client_of: Callable[[int, int], Sequence[int]]
    """Takes the numbers of agents and shards, and returns each agent's client, counted from 0."""
    is_kept: bool = True
    """Whether a client lives as long as its coordinator; if not, each question has a new one."""

    def agents_by_client(self, agents: int, shards: int = 1) -> list[list[int]]:
        """The agents that each client talks to, in order. Clients and agents count from 0."""
        clients = self.client_of(agents, shards)
        found: list[list[int]] = [[] for _ in range(max(clients) + 1)]
        for agent, client in enumerate(clients):
            found[client].append(agent)
        return found


SHARDED = "sharded"
TOPOLOGIES = {
    "shared": Topology("one client for all agents", lambda agents, _: [0] * agents),
    SHARDED: Topology(
        "shards clients, each for a part of the agents",
        lambda agents, shards: [agent % shards for agent in range(agents)],
    ),
    "per_agent": Topology("one client for each agent", lambda agents, _: range(agents)),
    "per_question": Topology("a new client for each question", lambda agents, _: range(agents), is_kept=False),
}
"""The topologies by the names that scenarios use."""
DESCRIPTION = ", ".join(f"{name} ({topology.description})" for name, topology in TOPOLOGIES.items())
PATTERN = f"^({'|'.join(TOPOLOGIES)})$"
