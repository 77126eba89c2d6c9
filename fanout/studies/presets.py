"""Sweeps with a name. To add one, add an entry to PRESETS."""

from __future__ import annotations

from collections.abc import Callable

from fanout.scenario import Scenario, Setting, load_scenarios
from fanout.studies.clients import clients_grid
from fanout.studies.headline import HEADLINE
from fanout.studies.published import Published, published_runs
from fanout.studies.scaling import scaling_grid
from fanout.sweep import Combination, Parameter, Plan, Reference

# The grid is ordered by agents first, so that runs at the same time last about equally long.
AGENTS = (4, 8, 16, 32, 64)
PROTOCOLS = {"a2a": "a2a-default", "agora": "agora-per-agent", "anp": "anp-default"}
"""The protocols, each with the scenario in scenarios/headline that has its published settings."""
SERVICE_OF = {("agora", 64): ("agora", 32), ("anp", 64): ("anp", 32)}
"""Cells without a published run, and the cell whose service times they take instead."""


def published_grid() -> Plan:
    """Repeats the sweep of the published analysis, with its figures as the reference."""
    grid = [(agents, protocol) for agents in AGENTS for protocol in PROTOCOLS]
    runs = [_published(protocol, agents) for agents, protocol in grid]
    return Plan(
        "preset published",
        (Parameter("agents", AGENTS), Parameter("protocol", tuple(PROTOCOLS))),
        tuple(Combination(values, _scenario(*values)) for values in grid),
        at_once=4,
        reference=Reference(
            label="published", mean_ms=tuple(run and run.mean_ms for run in runs), service_time_scale=1.0
        ),
    )


def _scenario(agents: int, protocol: str) -> Scenario:
    """The published settings with this many agents, and the service times of the published run if they are known."""
    source = f"the preset published, {protocol} with {agents} agents"
    served = _published(*SERVICE_OF.get((protocol, agents), (protocol, agents)))
    settings = [Setting("agents", agents, source)]
    if served is not None and served.service_p50_s is not None:
        service_time = {
            "distribution": "lognormal",
            "median_s": served.service_p50_s,
            "sigma": served.service_sigma,
        }
        settings.append(Setting("workers.service_time", service_time, source))
    (scenario,) = load_scenarios(HEADLINE.folder / f"{PROTOCOLS[protocol]}.yaml", [settings])
    return scenario.model_copy(update={"name": f"published-{protocol}-{agents}"})


def _published(protocol: str, agents: int) -> Published | None:
    """The published run with httpx's default limits, else the one whose limits are unknown."""
    by_limits = {run.limits: run for run in published_runs() if (run.protocol, run.agents) == (protocol, agents)}
    return by_limits.get("default") or by_limits.get(None)


PRESETS: dict[str, Callable[[], Plan]] = {
    "agents": scaling_grid,
    "clients": clients_grid,
    "published": published_grid,
}
