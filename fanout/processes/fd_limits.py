"""File descriptors: how many each process of a run needs, and raising the limit before anything starts.

A process without free descriptors fails at whatever it opens next. tests/test_processes_fd_limits.py checks these
numbers against real processes.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping

from fanout.errors import CouldNotRunError
from fanout.scenario import Scenario
from fanout.scenario.servers import SERVERS

PER_PROCESS = 32
"""Descriptors of any process: its pipes, files and event loop. At most 18 were measured."""
PER_USER = 6
"""Descriptors of Locust for each user: the two pipes of a coordinator, and those that starting it needs."""
PER_WORKER = 2
"""Descriptors of a master for each worker: its connection, and the file that keeps what it is told."""
PER_COORDINATOR = 2
"""Descriptors of an agent for each coordinator: a connection, and the previous one, which may not be closed yet."""
LOOKUPS = 32
"""Concurrent name lookups, each with an open file, besides the connections. asyncio has no more threads for them."""
WARM_UP_BATCH = 64
"""Agents that the fleet warms up at the same time."""
WARM_UP_REPEATS = 32
"""Questions that a coordinator asks itself at the same time to warm up. It holds both ends of their connections."""


def needed(scenario: Scenario, coordinators: int) -> dict[str, int]:
    """The descriptors that a whole run needs, by kind of process."""
    needs = needed_by_locust(scenario, coordinators)
    return {**needs, **needed_by_fleet(scenario, coordinators)} if isinstance(scenario.agents, int) else needs


def needed_by_master(scenario: Scenario, coordinators: int, workers: int) -> dict[str, int]:
    """The descriptors of a Locust master, whose workers have the coordinators, and of its agents."""
    fleet = needed_by_fleet(scenario, coordinators) if isinstance(scenario.agents, int) else {}
    return {"Locust": PER_PROCESS + PER_WORKER * workers, **fleet}


def needed_by_locust(scenario: Scenario, coordinators: int) -> dict[str, int]:
    """The descriptors of Locust and the coordinators that it starts."""
    return {"Locust": PER_PROCESS + PER_USER * coordinators, **needed_by_coordinator(scenario)}


def needed_by_coordinator(scenario: Scenario) -> dict[str, int]:
    """The descriptors of a coordinator. A client has at most a connection per question in flight, and its limit."""
    connections = connections_of(scenario)
    attempts = max((fault.attempts for fault in scenario.coordinator.faults), default=1)
    asking = connections * attempts + min(connections, LOOKUPS)
    return {"a coordinator": PER_PROCESS + max(2 * WARM_UP_REPEATS + 1, asking)}


def connections_of(scenario: Scenario) -> int:
    """The most connections that a coordinator has at the same time."""
    limit = scenario.client.limits.max_connections if scenario.client.is_kept else None
    clients = scenario.client.agents_by_client(scenario.agent_count)
    wanted = [len(agents) * scenario.dispatch.per_agent for agents in clients]
    return sum(count if limit is None else min(limit, count) for count in wanted)


def needed_by_fleet(scenario: Scenario, coordinators: int = 1) -> dict[str, int]:
    """The descriptors of the fleet, and of each of its processes, which has one or more agents."""
    server = SERVERS[scenario.workers.server]
    connections = PER_COORDINATOR * coordinators * scenario.dispatch.per_agent
    each = connections * (1 + server.connection_descriptors) + server.agent_descriptors
    agents = min(scenario.workers.per_process, scenario.agent_count)
    fleet = PER_PROCESS + agents - 1 + min(scenario.agent_count, WARM_UP_BATCH)
    return {"the fleet of agents": fleet, "a process of agents": PER_PROCESS + agents - 1 + each * agents}


def limit_now() -> int:
    """The limit of this process, and of those that it starts from now on; RLIM_INFINITY means unlimited."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def make_room(needs: Mapping[str, int]) -> None:
    """Raises this process's limit, which its children inherit. Raises CouldNotRunError if that isn't allowed."""
    process, most = max(needs.items(), key=lambda need: need[1])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if suffices(soft, most):
        return
    if not suffices(hard, most):
        raise CouldNotRunError(
            f"{process} needs {most} file descriptors, but {hard} are allowed here: allow more with ulimit -n {most} "
            "(as root, since this is the hard limit), or use fewer agents or users"
        )
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError) as error:  # macOS may report no hard limit and still have one
        raise CouldNotRunError(
            f"{process} needs {most} file descriptors, but the system refuses more than {soft}: {error}; allow more "
            f"with ulimit -n {most}, or use fewer agents or users"
        ) from error


def suffices(limit: int, most: int) -> bool:
    return limit == resource.RLIM_INFINITY or most <= limit


def check_agents(scenario: Scenario, coordinators: int, limit: int) -> None:
    """Raises CouldNotRunError if agents that were started with this limit can't serve so many coordinators."""
    if isinstance(scenario.agents, int) and not suffices(
        limit, needed_by_fleet(scenario, coordinators)["a process of agents"]
    ):
        raise CouldNotRunError(
            f"the agents were started with {limit} file descriptors each, too few for {coordinators} users: stop the "
            "test and start it with the final number of users"
        )
