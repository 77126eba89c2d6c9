"""Agents whose processes ended during a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Death:
    """One end of an agent's process that nobody asked for, as the fleet tells of it."""

    agent: int
    """Counted from 1."""
    at: float
    """In Unix seconds."""
    how: str
    """`exit status 70`, `SIGKILL`, or why it could not be started again."""
    restarted: bool
    """Whether another process was started in its place."""

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Death:
        return cls(**{field.name: told[field.name] for field in fields(cls)})

    def __str__(self) -> str:
        then = "it is started again" if self.restarted else "nothing answers its questions any more"
        return f"agent {self.agent}'s process ended ({self.how}): {then}"
