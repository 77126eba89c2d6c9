"""Whether this machine has room for a run: its memory and its ports. fd_limits.py has the file descriptors.

tests/test_processes_machine_room.py checks the numbers against real processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from fanout.errors import CouldNotRunError
from fanout.processes.cgroup import memory_left_bytes
from fanout.processes.fd_limits import WARM_UP_REPEATS, connections_of
from fanout.scenario import Scenario
from fanout.scenario.questions import count_of
from fanout.scenario.servers import SERVERS

FLEET_MIB = 20
COORDINATOR_MIB = 50
AGENT_MIB = 0.1
"""Each agent in a process, with a connection."""
CONNECTION_MIB = 0.05
"""Each connection of a coordinator."""
PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass(frozen=True)
class Room:
    """What a machine has left."""

    memory_mib: float
    ports: int | None = None
    """The ports that the system gives out; None if that is unknown."""


def room_here() -> Room:
    free = psutil.virtual_memory().available
    left = memory_left_bytes()
    return Room((free if left is None else min(free, left)) / 2**20, _ports(PORTS))


def _ports(file: Path) -> int | None:
    try:
        first, last = file.read_text(encoding="ascii").split()
        return int(last) - int(first) + 1
    except (OSError, ValueError):
        return None


def needed_mib(scenario: Scenario, coordinators: int) -> tuple[float, float]:
    """The memory that the agents and this many coordinators need on this machine."""
    connections = min(connections_of(scenario), count_of(scenario.questions))
    asking = coordinators * (COORDINATOR_MIB + connections * CONNECTION_MIB)
    if not isinstance(scenario.agents, int):
        return 0.0, asking
    processes = -(-scenario.agents // scenario.workers.per_process)
    return FLEET_MIB + processes * SERVERS[scenario.workers.server].process_mib + scenario.agents * AGENT_MIB, asking


def check_memory(scenarios: Sequence[Scenario], room: Room | None = None) -> None:
    """Raises CouldNotRunError if runs with one coordinator each can't proceed here at the same time."""
    room = room or room_here()
    needed = sum(sum(needed_mib(scenario, 1)) for scenario in scenarios)
    if needed > room.memory_mib:
        raise CouldNotRunError(
            f"{len(scenarios)} runs at the same time need {needed / 1024:.1f} GiB of memory, but "
            f"{room.memory_mib / 1024:.1f} GiB are free: make fewer at a time, use fewer agents, or set "
            "workers.per_process"
        )


def check_room(scenario: Scenario, coordinators: int, room: Room | None = None) -> None:
    """Raises CouldNotRunError if a run certainly has too little memory or too few ports here."""
    room = room or room_here()
    serving, asking = needed_mib(scenario, coordinators)
    if serving + asking > room.memory_mib:
        users = f"{coordinators} user{'s' * (coordinators != 1)}"
        raise CouldNotRunError(
            f"{scenario.agent_count} agents need {serving / 1024:.1f} GiB of memory here and {users} "
            f"{asking / 1024:.1f} GiB, but {room.memory_mib / 1024:.1f} GiB are free: use fewer "
            f"{'agents, or set workers.per_process' if serving > asking else 'users'}"
        )
    if isinstance(scenario.agents, int) and not scenario.workers.first_port and room.ports is not None:
        wanted = scenario.agents + WARM_UP_REPEATS + 1  # a coordinator warms up with connections to itself
        if wanted > room.ports:
            raise CouldNotRunError(
                f"{scenario.agents} agents and a coordinator need {wanted} ports, but the system gives out "
                f"{room.ports}: allow more with net.ipv4.ip_local_port_range, or set workers.first_port"
            )
