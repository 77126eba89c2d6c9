"""Sweeps that have a name. To add one, add an entry to PRESETS."""

from __future__ import annotations

from collections.abc import Callable

from fanout.scenario import Scenario, Setting, load_scenarios
from fanout.studies.headline import HEADLINE
from fanout.studies.published import Published, published_runs
from fanout.sweep import Combination, Parameter, Plan, Reference

# By agents first: runs that go on at the same time then last about as long as each other.
AGENTS = (4, 8, 16, 32, 64)
PROTOCOLS = {"a2a": "a2a-default", "agora": "agora-per-agent", "anp": "anp-default"}
"""Each with the scenario in scenarios/headline that has its published setting."""
SERVICE_OF = {("agora", 64): ("agora", 32), ("anp", 64): ("anp", 32)}
"""Whose service times these have, since no run of theirs was published."""


def published_grid() -> Plan:
    """The published analysis' own sweep, and its figures beside."""
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
    """The published setting with so many agents, and the service times of its published run where they are told."""
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
    """The run with httpx's default limits, or the one whose limits aren't told."""
    by_limits = {run.limits: run for run in published_runs() if (run.protocol, run.agents) == (protocol, agents)}
    return by_limits.get("default") or by_limits.get(None)


PRESETS: dict[str, Callable[[], Plan]] = {"published": published_grid}
