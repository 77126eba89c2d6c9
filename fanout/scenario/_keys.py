"""What the scenario form says about single keys, for people who set them one by one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from fanout.scenario._explain import allowed, fields_at
from fanout.scenario.servers import SERVERS
from fanout.scenario.topology import TOPOLOGIES

_TABLES: dict[str, Collection[str]] = {"client.topology": TOPOLOGIES, "workers.server": SERVERS}
"""The tables that have a key's words."""


def allowed_at(key: str) -> str:
    """What is allowed at a dotted key, in words."""
    return allowed(tuple(key.split(".")), {})


def choices_at(key: str) -> tuple[str, ...]:
    """The words that are allowed at a dotted key; empty if other values are allowed, too."""
    if key in _TABLES:
        return tuple(_TABLES[key])
    found = [field.annotation for field in _fields(key)]
    return tuple(str(word) for kind in found if get_origin(kind) is Literal for word in get_args(kind))


def is_key(key: str) -> bool:
    """Whether a scenario may have this dotted key."""
    return bool(_fields(key))


def is_optional(key: str) -> bool:
    """Whether the dotted key may be left out without standing for another value."""
    found = _fields(key)
    return bool(found) and all(field.default is None and not field.is_required() for field in found)


def _fields(key: str) -> list[FieldInfo]:
    return list(fields_at(tuple(key.split(".")), {}))
