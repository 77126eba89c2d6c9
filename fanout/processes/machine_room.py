"""Whether this machine has room for a run: its memory and its ports. fd_limits.py has the file descriptors.

tests/test_processes_machine_room.py checks the numbers against real processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

from fanout.errors import CouldNotRunError
from fanout.processes.cgroup import memory_left_bytes
from fanout.scenario import Scenario

LOCUST_MIB = 80
"""Locust and the fleet."""
COORDINATOR_MIB = 50
PROCESS_MIB = 6
"""A process of agents, besides what it shares with the others: 5.5 were measured."""
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


def needed_mib(scenario: Scenario, coordinators: int) -> float:
    """The memory that a run needs when each agent has a connection from each coordinator on this machine."""
    agents = scenario.agent_count
    asking = coordinators * (COORDINATOR_MIB + agents * scenario.dispatch.per_agent * CONNECTION_MIB)
    if not isinstance(scenario.agents, int):
        return LOCUST_MIB + asking
    processes = -(-agents // scenario.workers.per_process)
    return LOCUST_MIB + asking + processes * PROCESS_MIB + agents * AGENT_MIB


def check_room(scenario: Scenario, coordinators: int, room: Room | None = None) -> None:
    """Raises CouldNotRunError if a run certainly has too little memory or too few ports here."""
    room = room or room_here()
    needed = needed_mib(scenario, coordinators)
    agents = scenario.agent_count
    if needed > room.memory_mib:
        more = ", or set workers.per_process" if isinstance(scenario.agents, int) else ""
        others = f" and {coordinators} users" if coordinators > 1 else ""
        raise CouldNotRunError(
            f"{agents} agents{others} need {needed / 1024:.1f} GiB of memory, but "
            f"{room.memory_mib / 1024:.1f} GiB are free here: use fewer{more}"
        )
    starts_anywhere = isinstance(scenario.agents, int) and not scenario.workers.first_port
    if starts_anywhere and room.ports is not None and agents > room.ports:
        raise CouldNotRunError(
            f"{agents} agents need as many ports, but the system gives out {room.ports}: allow more with "
            "net.ipv4.ip_local_port_range, or set workers.first_port"
        )
