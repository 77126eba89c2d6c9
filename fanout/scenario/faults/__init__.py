"""Fault injection: the keys of `workers.faults`, and what each fault does at an agent.

A fault is one class in a file here. It has a `kind`, its own keys, a docstring that says what the agent does, and the
methods of its base class, such as `inject(request)`. Scenarios, the documentation and the agents take everything from
there.

_base.py          the base classes, and what a fault can do to a request, an agent or a connection
_answers.py       answers that are late, wrong, cut off, too large or missing
_agents.py        agents that make questions wait, or say the wrong thing about their service time
_processes.py     an agent's process that ends or hangs
_connections.py   an agent's connections
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from fanout.scenario.faults import _agents, _answers, _connections, _processes
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

__all__ = [
    "KINDS",
    "Agent",
    "AgentFault",
    "Answer",
    "AnyFault",
    "Connection",
    "ConnectionFault",
    "Fault",
    "Headers",
    "Listener",
    "QuestionFault",
    "Request",
]

KINDS: tuple[type[Fault], ...] = tuple(
    found
    for module in (_answers, _agents, _processes, _connections)
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, Fault) and "kind" in found.model_fields
)
"""All faults."""

if TYPE_CHECKING:
    AnyFault = Fault
else:
    AnyFault = Annotated[Union[KINDS], Field(discriminator="kind")]  # noqa: UP007
