"""The combinations of a sweep, and a scenario for each."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fanout.errors import UsageError
from fanout.scenario import MAX_NAME, Scenario, Setting, flow_text, load_scenarios
from fanout.scenario.questions import count_of
from fanout.sweep._parameters import Parameter, assignments
from fanout.sweep._plan import MAX_RUNS, Combination


def grid_of(path: Path, parameters: Sequence[Parameter], repeat: int = 1) -> tuple[str, tuple[Combination, ...]]:
    """Returns the scenario's own name and every combination of the values; the last parameter changes fastest.

    Raises ScenarioError with the problems of all combinations. Raises UsageError for too many runs, and for two
    combinations that make the same scenario.
    """
    runs = math.prod(len(parameter.values) for parameter in parameters) * repeat
    if runs > MAX_RUNS:
        raise UsageError(f"{runs} runs are too many; allowed: up to {MAX_RUNS}; use fewer values or a smaller --repeat")
    combinations = list(itertools.product(*(parameter.values for parameter in parameters)))
    scenarios = load_scenarios(path, [_settings(parameters, values) for values in combinations])
    _refuse_duplicates(parameters, combinations, scenarios)
    for questions in dict.fromkeys(scenario.questions for scenario in scenarios):
        count_of(questions)  # reads the file, so that its errors are reported before anything runs
    names = names_of(scenarios[0].name, parameters, combinations)
    return scenarios[0].name, tuple(
        Combination(values, _named(scenario, name))
        for values, scenario, name in zip(combinations, scenarios, names, strict=True)
    )


def _settings(parameters: Sequence[Parameter], values: Sequence[Any]) -> list[Setting]:
    return [
        Setting(parameter.key, value, f"--set {parameter.key}={flow_text(value)}")
        for parameter, value in zip(parameters, values, strict=True)
    ]


def _refuse_duplicates(
    parameters: Sequence[Parameter], combinations: Sequence[Sequence[Any]], scenarios: Sequence[Scenario]
) -> None:
    """Values that are written differently may mean the same: 5 and 5.0, or null and a default."""
    known: dict[str, Sequence[Any]] = {}
    for values, scenario in zip(combinations, scenarios, strict=True):
        other = known.setdefault(scenario.model_dump_json(), values)
        if other is not values:
            one, two = (assignments(parameters, each) for each in (other, values))
            raise UsageError(f"{one} and {two} make the same scenario; leave one of them out")


def _named(scenario: Scenario, name: str) -> Scenario:
    return scenario.model_copy(update={"name": name})


def names_of(base: str, parameters: Sequence[Parameter], combinations: Sequence[Sequence[Any]]) -> list[str]:
    """Names the combinations `<base>-<key>-<value>-…`; numbers them if a name is too long or not unique."""
    words = [parameter.word for parameter in parameters]
    keys = [p.word if words.count(p.word) == 1 else p.key for p in parameters]
    names = [
        "-".join([base, *(f"{key}-{_word(flow_text(value))}" for key, value in zip(keys, values, strict=True))])
        for values in combinations
    ]
    if len(set(names)) == len(names) and max(map(len, names)) <= MAX_NAME:
        return names
    suffixes = [f"-{number}" for number in range(1, len(names) + 1)]
    return [name[: MAX_NAME - len(suffix)] + suffix for name, suffix in zip(names, suffixes, strict=True)]


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-")
