"""How questions and answers look on the wire. There is one file per protocol, with both ends of it.

To add a protocol, add a file here that ends in `PROTOCOL = Protocol(...)`. The protocol is named after its file.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from fanout.protocols._wire import (
    QUESTION_ID_HEADER,
    AgentEnd,
    BadRequest,
    BadResponse,
    CoordinatorEnd,
    Message,
    Protocol,
    Question,
    Reply,
)

__all__ = [
    "QUESTION_ID_HEADER",
    "AgentEnd",
    "BadRequest",
    "BadResponse",
    "CoordinatorEnd",
    "Message",
    "Protocol",
    "Question",
    "Reply",
    "load",
    "names",
]


@cache
def names() -> tuple[str, ...]:
    """The names of all protocols. This only lists the files and imports none of them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def load(name: str) -> Protocol:
    """The protocol with this name. Raises KeyError if there is none."""
    if name not in names():
        raise KeyError(f"no protocol {name!r}; allowed: {', '.join(names())}")
    protocol: Protocol = importlib.import_module(f"{__name__}.{name}").PROTOCOL
    return protocol
