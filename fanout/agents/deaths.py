"""Agents whose processes ended during a run, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from fanout.text import listed

MOST_NAMED = 5


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


def problems(deaths: Sequence[Death], began: float) -> list[str]:
    """What the deaths of a run mean for its figures, by agent. `began` is the run's begin, in Unix seconds."""
    agents = list(dict.fromkeys(death.agent for death in deaths))
    told = [_problem([death for death in deaths if death.agent == agent], began) for agent in agents[:MOST_NAMED]]
    if len(agents) > MOST_NAMED:
        rest = sum(death.agent not in agents[:MOST_NAMED] for death in deaths)
        told.append(
            f"{len(agents) - MOST_NAMED} other agents died {rest} times: look in run.json's workers for when and how"
        )
    return told


def _problem(deaths: Sequence[Death], began: float) -> str:
    """What is said of one agent's."""
    first, last = deaths[0], deaths[-1]
    times = listed([f"{death.at - began:.2f} s" for death in deaths], MOST_NAMED)
    how = ", ".join(dict.fromkeys(death.how for death in deaths))
    often = "once" if len(deaths) == 1 else f"{len(deaths)} times"
    said = f"agent {first.agent} died {often}, after {times} of the run ({how})"
    if last.restarted:
        return f"{said}, and was started again: what it was asked meanwhile failed; Locust's log has what it said"
    return (
        f"{said}, and answered nothing from then on: Locust's log has what it said; workers.restart: always has it "
        "started again"
    )
