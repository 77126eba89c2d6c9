"""The swept parameters: keys of the scenario form, and the values of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fanout.errors import UsageError
from fanout.scenario import flow_text, parse_values

ALLOWED = "allowed: KEY=VALUE[,VALUE…], such as agents=4,8,16 or client.topology=shared,per_agent"
KEY_PATTERN = r"[a-z_]+(\.[a-z_]+){0,5}"
NOT_SWEPT = {
    "name": "each combination is named after its values",
    "extends": "a sweep overrides keys of one file; give the other file as SCENARIO",
}


@dataclass(frozen=True)
class Parameter:
    """One swept key."""

    key: str
    """Dotted, as in `client.limits.max_connections`."""
    values: tuple[Any, ...]
    """As in a scenario file."""

    @property
    def word(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]

    @property
    def numeric(self) -> bool:
        """Whether it has more than one value and all are numbers."""
        numbers = [value for value in self.values if isinstance(value, int | float) and not isinstance(value, bool)]
        return len(numbers) == len(self.values) > 1


def plain(value: object) -> str | int | float | bool:
    """A value for a table cell: numbers, texts and booleans unchanged, anything else as one line of YAML."""
    return value if isinstance(value, str | int | float) else flow_text(value)


def assignments(parameters: Sequence[Parameter], values: Sequence[object]) -> str:
    """A combination in words, such as `agents=8 client.topology=shared`."""
    pairs = zip(parameters, values, strict=True)
    return " ".join(f"{parameter.key}={flow_text(value)}" for parameter, value in pairs)


def parse_parameters(texts: Sequence[str]) -> tuple[Parameter, ...]:
    """Parses `KEY=VALUE,…` texts, in their order. Raises UsageError for anything else."""
    parameters: list[Parameter] = []
    for text in texts:
        parameter = _parse(text)
        for other in parameters:
            _refuse_overlap(parameter.key, other.key)
        parameters.append(parameter)
    return tuple(parameters)


def _parse(text: str) -> Parameter:
    key, equals, values_text = text.partition("=")
    key = key.strip()
    if not equals or not re.fullmatch(KEY_PATTERN, key):
        raise UsageError(f"--set {text}: not a key with values; {ALLOWED}")
    if key in NOT_SWEPT:
        raise UsageError(f"--set {text}: {key} can't be swept: {NOT_SWEPT[key]}")
    values = parse_values(values_text, f"--set {text}")
    if not values:
        raise UsageError(f"--set {text}: no values; {ALLOWED}")
    counts = Counter(map(flow_text, values))
    if duplicate := next((value for value, count in counts.items() if count > 1), None):
        raise UsageError(f"--set {text}: {duplicate} is a duplicate; allowed: each value once")
    return Parameter(key, tuple(values))


def _refuse_overlap(key: str, other: str) -> None:
    if key == other:
        raise UsageError(f"--set {key} is given twice; allowed: one --set for each key, with all of its values")
    if f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}."):
        raise UsageError(f"--set {other} and --set {key} overlap; allowed: keys that don't contain each other")
