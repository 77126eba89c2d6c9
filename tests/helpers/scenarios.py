"""Makes small scenarios."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from fanout.scenario import Scenario, parse_scenario

MakeScenario = Callable[..., Path]


def scenario_of(**keys: Any) -> Scenario:
    """A small scenario, changed by these keys."""
    small: dict[str, Any] = {
        "name": "small",
        "protocol": "a2a",
        "agents": 4,
        "questions": 12,
        "workers": {"service_time": {"distribution": "constant", "value_s": 0.01}},
    }
    questions = keys.get("questions")  # a file of questions must be in the folder of the scenario
    folder = Path(questions).parent if isinstance(questions, str) else Path()
    return parse_scenario(yaml.safe_dump({**small, **keys}), folder / "small.yaml")


def with_values(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """The scenario with these values, whose keys are paths. Raises ScenarioError if it refuses one."""
    keys = scenario.model_dump(mode="json")
    for path, value in values.items():
        *outer, key = path.split(".")
        part = keys
        for name in outer:
            part = part[name]
        part[key] = value
    return parse_scenario(yaml.safe_dump(keys), Path("changed.yaml"))
