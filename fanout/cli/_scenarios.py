"""Prepares scenarios for a command: applies --scale, and announces the runs."""

from __future__ import annotations

from collections.abc import Sequence

import click

from fanout.errors import UsageError
from fanout.scenario import Scenario

scale_option = click.option(
    "--scale", type=click.FloatRange(0), help="A factor for the service times, instead of the scenario's own."
)


def with_scale(scenario: Scenario, scale: float) -> Scenario:
    """The scenario with another scale of its service times. Raises UsageError if its agents run already."""
    if not isinstance(scenario.agents, int):
        raise UsageError(f"{scenario.name}: --scale has no effect on agents that run already; leave it out")
    service_time = scenario.workers.service_time.model_copy(update={"scale": scale})
    workers = scenario.workers.model_copy(update={"service_time": service_time})
    return scenario.model_copy(update={"workers": workers})


def announcement(scenarios: Sequence[Scenario], repeat: int, at_once: int) -> str:
    """One line about the runs to come."""
    scales = {s.workers.service_time.scale for s in scenarios if isinstance(s.agents, int)}
    how = "/".join(f"{scale:g}" for scale in sorted(scales))
    real = "" if scales <= {1.0} else f", agents' service times scaled by {how} (--scale 1 for their real length)"
    order = "one after another" if at_once == 1 else f"{at_once} at a time"
    count = len(scenarios) * repeat
    return f"{count} run{'s' * (count > 1)}, {order}{real}"
