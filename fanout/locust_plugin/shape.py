"""The load shape of a scenario, as a shape of Locust."""

from __future__ import annotations

import logging
from typing import Any

from locust import LoadTestShape
from locust.env import Environment

from fanout.errors import CouldNotRunError, UsageError
from fanout.scenario import Scenario, Shape
from fanout.text import listed

logger = logging.getLogger("fanout")

PER_S = 100.0
"""Users started a second when their number rises: a coordinator takes about a second to be ready."""


class ScenarioShape(LoadTestShape):
    """Sets the number of users of a run over time."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.shape = shape
        self._has_begun = False

    def await_begin(self) -> None:
        """Keeps the number of the beginning: Locust would give up a start that takes longer than a tick."""
        self._has_begun = False

    def begin(self) -> None:
        """Call it when the run can have users."""
        self._has_begun = True
        self.reset_time()  # type: ignore[no-untyped-call]

    def tick(self) -> tuple[int, float] | None:
        elapsed_s = self.get_run_time() if self._has_begun else 0.0  # type: ignore[no-untyped-call]
        users = self.shape.users_at(elapsed_s)
        return None if users is None else (users, PER_S)


def select_shape(environment: Environment, scenario: Scenario) -> None:
    """Makes Locust follow the scenario's shape, if it has one; else its locustfile's, or a number of users.

    Raises UsageError if both have one.
    """
    _check_only_shape(environment, scenario)
    if scenario.shape is not None:
        environment.shape_class = ScenarioShape(scenario.shape)
        environment.shape_class.runner = environment.runner
    elif isinstance(environment.shape_class, ScenarioShape):
        environment.shape_class = None


def check_shape(environment: Environment, scenario: Scenario) -> None:
    """Raises UsageError or CouldNotRunError if Locust doesn't follow the scenario's shape."""
    _check_only_shape(environment, scenario)
    followed = environment.shape_class
    if (followed.shape if isinstance(followed, ScenarioShape) else None) != scenario.shape:
        raise CouldNotRunError("the previous run was still ending when this one was started: start it again")


def _check_only_shape(environment: Environment, scenario: Scenario) -> None:
    own = environment.shape_class
    if scenario.shape is not None and own is not None and not isinstance(own, ScenarioShape):
        raise UsageError(
            f"shape: {scenario.shape.kind} would compete with {type(own).__name__} in the locustfile; allowed: one of "
            "the two"
        )


def warn_of_ignored(options: Any) -> None:  # noqa: ANN401
    """Names the options that a shape replaces."""
    names = {"num_users": "--users", "spawn_rate": "--spawn-rate", "run_time": "--run-time"}
    if given := [written for name, written in names.items() if getattr(options, name, None)]:
        have = "has" if len(given) == 1 else "have"
        logger.warning("%s %s no effect: the scenario's shape decides how many users there are", listed(given), have)
