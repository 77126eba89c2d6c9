"""Fault injection: the keys of `workers.faults`, and what each fault does at an agent.

A fault is one class in a file here. It has a `kind`, its own keys, a docstring that says what the agent does, and
`inject(request)` or `on_accept(connection)`. Scenarios, the documentation and the agents take everything from there.

_base.py          the base classes, and what a fault can do to a request or a connection
_answers.py       answers that are late, wrong, cut off, too large or missing
_processes.py     an agent's process that ends or hangs
_connections.py   an agent's connections
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from fanout.scenario.faults import _answers, _connections, _processes
from fanout.scenario.faults._base import Answer, Connection, ConnectionFault, Fault, Headers, QuestionFault, Request

__all__ = [
    "KINDS",
    "Answer",
    "AnyFault",
    "Connection",
    "ConnectionFault",
    "Fault",
    "Headers",
    "QuestionFault",
    "Request",
]

KINDS: tuple[type[Fault], ...] = tuple(
    found
    for module in (_answers, _processes, _connections)
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, Fault) and "kind" in found.model_fields
)
"""All faults."""

if TYPE_CHECKING:
    AnyFault = Fault
else:
    AnyFault = Annotated[Union[KINDS], Field(discriminator="kind")]  # noqa: UP007
