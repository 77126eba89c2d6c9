"""File descriptors: how many each process of a run needs, and room for them before anything starts.

A process that runs out of them fails in the middle, at whatever it opens next. The figures are those that
tests/test_processes_fd_limits.py holds against real processes.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping

from fanout.errors import CouldNotRunError
from fanout.scenario import Scenario

FIXED = 32
"""Of any process: its pipes, files and event loop; at most 18 were found open."""
PER_USER = 6
"""Of Locust: a coordinator's two pipes, and what its start takes besides."""
PER_COORDINATOR = 2
"""Of an agent: a connection, and the one before it that isn't closed yet."""
LOOKUPS = 32
"""Name lookups at a time that have a file open, beside the connections; asyncio has no more threads for them."""
WARM_UP_BATCH = 64
"""Agents that the fleet asks at a time whether they are there."""
WARM_UP_REPEATS = 32
"""Questions that a coordinator asks itself at a time, at both ends of a connection, before it begins."""


def needed(scenario: Scenario, coordinators: int) -> dict[str, int]:
    """How many a whole run takes, by kind of process."""
    needs = {"Locust": FIXED + PER_USER * coordinators, **needed_by_coordinator(scenario)}
    return {**needs, **needed_by_fleet(scenario, coordinators)} if isinstance(scenario.agents, int) else needs


def needed_by_coordinator(scenario: Scenario) -> dict[str, int]:
    """Each client's connections are as many as its agents, or as its limits allow."""
    limit = scenario.client.limits.max_connections
    clients = scenario.client.agents_by_client(scenario.agent_count)
    connections = sum(len(agents) if limit is None else min(limit, len(agents)) for agents in clients)
    asking = connections + min(connections, LOOKUPS)
    return {"a coordinator": FIXED + max(2 * WARM_UP_REPEATS + 1, asking)}


def needed_by_fleet(scenario: Scenario, coordinators: int = 1) -> dict[str, int]:
    fleet = FIXED + min(scenario.agent_count, WARM_UP_BATCH)
    return {"the fleet of agents": fleet, "an agent": FIXED + PER_COORDINATOR * coordinators}


def limit_now() -> int:
    """How many this process may have open, and those that it starts from now on; RLIM_INFINITY: any number."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def make_room(needs: Mapping[str, int]) -> None:
    """Raises this process's limit, which those that it starts inherit. Raises CouldNotRunError where it may not."""
    process, most = max(needs.items(), key=lambda need: need[1])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if suffices(soft, most):
        return
    if not suffices(hard, most):
        raise CouldNotRunError(
            f"{process} needs {most} file descriptors, and {hard} are allowed here: allow more with ulimit -n {most} "
            "(as root, for it is the hard limit), or have fewer agents or users"
        )
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError) as error:  # macOS has a limit of its own beside an unlimited one
        raise CouldNotRunError(
            f"{process} needs {most} file descriptors, and the system refuses more than {soft}: {error}; allow more "
            f"with ulimit -n {most}, or have fewer agents or users"
        ) from error


def suffices(limit: int, most: int) -> bool:
    return limit == resource.RLIM_INFINITY or most <= limit


def check_agents(scenario: Scenario, coordinators: int, limit: int) -> None:
    """Whether agents that were started under this limit can serve so many coordinators. Raises CouldNotRunError."""
    if isinstance(scenario.agents, int) and not suffices(limit, needed_by_fleet(scenario, coordinators)["an agent"]):
        raise CouldNotRunError(
            f"the agents were started with {limit} file descriptors each, too few for {coordinators} users: stop the "
            "test and start it with as many users as there will be"
        )
