"""Fault injection: the keys of `workers.faults` and `coordinator.faults`, and what each fault does.

A fault is one class in a file here. It has a `kind`, its own keys, a docstring that says what happens, and the methods
of its base class, such as `inject(request)`. Scenarios, the documentation, the agents and the coordinators take
everything from there.

_base.py          the base classes of agents' faults, and what they can do to a request, an agent or a connection
_answers.py       answers that are late, wrong, cut off, too large or missing
_agents.py        agents that make questions wait, or say the wrong thing about their service time
_processes.py     an agent's process that ends or hangs
_connections.py   an agent's connections
_coordinator.py   a coordinator's name lookups, its attempts to connect, and its event loop
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from fanout.scenario.faults import _agents, _answers, _connections, _coordinator, _processes
from fanout.scenario.faults._base import (
    Agent,
    AgentFault,
    Answer,
    Connection,
    ConnectionFault,
    Fault,
    Headers,
    Listener,
    QuestionFault,
    Request,
)
from fanout.scenario.faults._coordinator import AddressInfo, BlockedLoop, CoordinatorFault, SilentAgents

__all__ = [
    "COORDINATOR_KINDS",
    "KINDS",
    "AddressInfo",
    "Agent",
    "AgentFault",
    "Answer",
    "AnyCoordinatorFault",
    "AnyFault",
    "BlockedLoop",
    "Connection",
    "ConnectionFault",
    "CoordinatorFault",
    "Fault",
    "Headers",
    "Listener",
    "QuestionFault",
    "Request",
    "SilentAgents",
]

KINDS: tuple[type[Fault], ...] = tuple(
    found
    for module in (_answers, _agents, _processes, _connections)
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, Fault) and "kind" in found.model_fields
)
"""All faults of agents."""

COORDINATOR_KINDS: tuple[type[CoordinatorFault], ...] = tuple(
    found
    for found in vars(_coordinator).values()
    if isinstance(found, type) and issubclass(found, CoordinatorFault) and "kind" in found.model_fields
)
"""All faults of coordinators."""

if TYPE_CHECKING:
    AnyFault = Fault
    AnyCoordinatorFault = CoordinatorFault
else:
    AnyCoordinatorFault = Annotated[Union[COORDINATOR_KINDS], Field(discriminator="kind")]  # noqa: UP007
    AnyFault = Annotated[Union[KINDS], Field(discriminator="kind")]  # noqa: UP007
