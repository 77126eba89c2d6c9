"""How a question and its answer look on the wire; one file a protocol, holding both ends.

To add a protocol, add a file here that ends in `PROTOCOL = Protocol(...)`; the file's name is the protocol's.
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
    """The protocols there are, by name; looks at the files only, and imports none."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def load(name: str) -> Protocol:
    """The protocol of that name. Raises KeyError for one that doesn't exist."""
    if name not in names():
        raise KeyError(f"no protocol {name!r}; there are {', '.join(names())}")
    protocol: Protocol = importlib.import_module(f"{__name__}.{name}").PROTOCOL
    return protocol
