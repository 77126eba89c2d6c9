"""Plans of sweeps and their runs, for tests."""

from __future__ import annotations

from typing import Any

from fanout.runs.reader import Run
from fanout.sweep import Combination, Parameter, Plan
from helpers.runs import run_of
from helpers.scenarios import scenario_of

AGENTS_SWEPT = Parameter("agents", (2, 4, 32))
TOPOLOGY = Parameter("client.topology", ("shared", "per_agent"))


def plan_of(*parameters: Parameter, repeat: int = 1, **keys: Any) -> Plan:
    """A plan with a small scenario for each combination of at most two parameters, with any keys."""
    first, second = (*parameters, Parameter("", ("",)))[:2]
    values = [(a, b)[: len(parameters)] for a in first.values for b in second.values]
    combinations = tuple(Combination(each, scenario_of(name=f"c{n}", **keys)) for n, each in enumerate(values))
    return Plan("small", parameters, combinations, repeat)


def runs_of(plan: Plan, *means: list[float]) -> list[list[Run]]:
    """Runs with these mean latencies for each combination, and a tenth of that as CPU time."""
    return [
        [
            run_of(
                [mean],
                name=combination.scenario.name,
                info={"coordinators": [{"coordinator": 1, "loop_health": health_of(mean)}]},
            )
            for mean in found
        ]
        for combination, found in zip(plan.combinations, means, strict=True)
    ]


def health_of(mean_ms: float) -> dict[str, Any]:
    return {"cpu_s": mean_ms / 10_000, "wall_s": 1.0, "cpu_share": 0.1, "lag_ms": {"p50": 0, "p99": 0, "max": 0}}
