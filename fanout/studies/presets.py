"""Sweeps that have a name. To add one, add an entry to PRESETS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fanout.paths import ROOT
from fanout.scenario import Setting, load_scenarios
from fanout.studies.published import Published, published_runs
from fanout.sweep._parameters import Parameter
from fanout.sweep._plan import Combination

AGENTS = (4, 8, 16, 32, 64)
PROTOCOLS = {"a2a": "a2a-default", "agora": "agora-per-agent", "anp": "anp-default"}
"""Each with the scenario in scenarios/headline that has its published setting."""
SERVICE_OF = {("agora", 64): ("agora", 32), ("anp", 64): ("anp", 32)}
"""Whose service times these have, since no run of theirs was published."""


@dataclass(frozen=True)
class Preset:
    parameters: tuple[Parameter, ...]
    combinations: Callable[[], tuple[Combination, ...]]
    at_once: int
    """Runs at a time, unless the command says otherwise."""


def _published_combinations() -> tuple[Combination, ...]:
    folder = ROOT / "scenarios" / "headline"
    return tuple(_published_combination(folder, agents, protocol) for agents in AGENTS for protocol in PROTOCOLS)


def _published_combination(folder: Path, agents: int, protocol: str) -> Combination:
    """The published setting with so many agents, and the service times of its published run where they are told."""
    source = f"the preset published, {protocol} with {agents} agents"
    found = _published(protocol, agents)
    served = _published(*SERVICE_OF.get((protocol, agents), (protocol, agents)))
    settings = [Setting("agents", agents, source)]
    if served is not None and served.service_p50_s is not None:
        service_time = {
            "distribution": "lognormal",
            "median_s": served.service_p50_s,
            "sigma": served.service_sigma,
        }
        settings.append(Setting("workers.service_time", service_time, source))
    (scenario,) = load_scenarios(folder / f"{PROTOCOLS[protocol]}.yaml", [settings])
    named = scenario.model_copy(update={"name": f"published-{protocol}-{agents}"})
    return Combination((agents, protocol), named, found.mean_ms if found is not None else None)


def _published(protocol: str, agents: int) -> Published | None:
    """The run with httpx's default limits, or the one whose limits aren't told."""
    by_limits = {run.limits: run for run in published_runs() if (run.protocol, run.agents) == (protocol, agents)}
    return by_limits.get("default") or by_limits.get(None)


PRESETS = {
    # By agents first: runs that go on at the same time then last about as long as each other.
    "published": Preset(
        (Parameter("agents", AGENTS), Parameter("protocol", tuple(PROTOCOLS))), _published_combinations, at_once=4
    ),
}
