"""What is swept: keys of the scenario form, and the values that each takes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from fanout.errors import UsageError
from fanout.scenario import parse_values

ALLOWED = "allowed: KEY=VALUE[,VALUE…], such as agents=4,8,16 or client.topology=shared,per_agent"
KEY_PATTERN = r"[a-z_]+(\.[a-z_]+){0,5}"
NOT_SWEPT = {
    "name": "each combination's name is made of its values",
    "extends": "a sweep lays values over one file; name the other file as the scenario",
}


@dataclass(frozen=True)
class Parameter:
    """One swept key."""

    key: str
    """Dotted, as in `client.limits.max_connections`."""
    values: tuple[Any, ...]
    """As they would stand in a scenario file."""

    @property
    def word(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers, and more than one."""
        numbers = [value for value in self.values if isinstance(value, int | float) and not isinstance(value, bool)]
        return len(numbers) == len(self.values) > 1


def text_of(value: object) -> str:
    """A value as YAML writes it in one line."""
    return yaml.safe_dump([value], default_flow_style=True, sort_keys=False, width=1_000_000).strip()[1:-1]


def plain(value: object) -> str | int | float | bool:
    """A value as tables have it: a number, a text or a truth value as it is, anything else as YAML writes it."""
    return value if isinstance(value, str | int | float) else text_of(value)


def assignments(parameters: Sequence[Parameter], values: Sequence[object]) -> str:
    """A combination of values, as in `agents=8 client.topology=shared`."""
    pairs = zip(parameters, values, strict=True)
    return " ".join(f"{parameter.key}={text_of(value)}" for parameter, value in pairs)


def parse_parameters(texts: Sequence[str]) -> tuple[Parameter, ...]:
    """The parameters of `KEY=VALUE,…` texts, in their order. Raises UsageError for what is something else."""
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
        raise UsageError(f"--set {text}: names no key and values; {ALLOWED}")
    if key in NOT_SWEPT:
        raise UsageError(f"--set {text}: {key} can't be swept: {NOT_SWEPT[key]}")
    values = parse_values(values_text, f"--set {text}")
    if not values:
        raise UsageError(f"--set {text}: no values; {ALLOWED}")
    counts = Counter(map(text_of, values))
    if twice := next((value for value, count in counts.items() if count > 1), None):
        raise UsageError(f"--set {text}: {twice} stands there twice; allowed: each value once")
    return Parameter(key, tuple(values))


def _refuse_overlap(key: str, other: str) -> None:
    if key == other:
        raise UsageError(f"--set {key} is given twice; allowed: each key once, with all of its values")
    if f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}."):
        raise UsageError(f"--set {other} and --set {key} overlap; allowed: keys of which none is inside another")
