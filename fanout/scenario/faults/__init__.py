"""What can be made to go wrong at an agent: the form of `workers.faults`, and what each fault does there.

A fault is one class in a file here: its `kind`, what it takes, a docstring that says what the agent does, and
`strike(request)` or `on_accept(connection)`. The form, the documentation and the agents follow from it.

_base.py          what every fault is, and what it can do to a request or a connection
_answers.py       an answer that is late, wrong, cut off, too much, or doesn't come
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
"""Every fault there is."""

if TYPE_CHECKING:
    AnyFault = Fault
else:
    AnyFault = Annotated[Union[KINDS], Field(discriminator="kind")]  # noqa: UP007
