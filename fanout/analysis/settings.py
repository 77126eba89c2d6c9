"""The keys of a scenario with their values, in one level, to compare scenarios key by key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from fanout.scenario import Scenario, flow_text

WHOLE = ("timeout_s", "service_time")
"""Mappings that are one value."""
MOST_TELLING = 2
"""The most keys in the words that tell one scenario from others."""
LONGEST_TELLING = 60
"""The most characters of them."""


def settings_of(scenario: Scenario, without: Collection[str]) -> dict[str, Any]:
    """The values by dotted key, as a scenario file has them, without these keys. None stands for an absent value."""
    written = scenario.model_dump(mode="json", exclude=set(without))
    if isinstance(scenario.questions, str):  # each run has a copy of the file in its own directory
        written["questions"] = Path(scenario.questions).name
    return dict(_flat(written))


def differing(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The keys whose values differ, with the value of each; None stands for an absent one."""
    values = {key: [found.get(key) for found in settings] for key in dict.fromkeys(chain.from_iterable(settings))}
    return {key: found for key, found in values.items() if any(value != found[0] for value in found)}


def telling(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """What tells each from the others, such as `max_connections 8`; empty for those that it takes too long to tell."""
    differences = differing(settings)
    if len(differences) > MOST_TELLING:
        return [""] * len(settings)
    words = [
        ", ".join(f"{key.rpartition('.')[2]} {flow_text(found[n])}" for key, found in differences.items())
        for n in range(len(settings))
    ]
    return [text if len(text) <= LONGEST_TELLING else "" for text in words]


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        deeper = isinstance(value, Mapping) and key not in WHOLE
        found += _flat(value, f"{before}{key}.") if deeper else [(f"{before}{key}", value)]
    return found
