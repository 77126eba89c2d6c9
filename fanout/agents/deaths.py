"""Agents whose processes ended during a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Death:
    """An unexpected end of an agent's process, as reported by the fleet."""

    agent: int
    """Counted from 1."""
    at: float
    """Unix seconds."""
    how: str
    """`exit status 70`, `SIGKILL`, or why the agent could not be restarted."""
    restarted: bool
    """Whether the agent is restarted."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Death:
        return cls(**{field.name: data[field.name] for field in fields(cls)})

    def __str__(self) -> str:
        then = "it is restarted" if self.restarted else "all further questions for it will fail"
        return f"agent {self.agent}'s process ended ({self.how}): {then}"
