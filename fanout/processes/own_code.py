"""Whether a scenario may run the user's own code (`client.factory`). A scenario alone never does."""

from __future__ import annotations

import os

from fanout.errors import UsageError
from fanout.scenario import Scenario

OPTION = "--allow-factory"
VARIABLE = "FANOUT_ALLOW_FACTORY"
"""Allows factories if it isn't empty. Processes that a command starts inherit it."""


def allow() -> None:
    os.environ[VARIABLE] = "1"


def require_allowed(scenario: Scenario) -> None:
    """Raises UsageError if the scenario has a factory and neither the command line nor the environment allows it."""
    factory = scenario.client.factory
    if factory is not None and not os.environ.get(VARIABLE):
        raise UsageError(
            f"{scenario.name}: client.factory: {factory} is code that would run here; if you trust it, allow it with "
            f"{OPTION}, or with {VARIABLE}=1 in the environment"
        )
