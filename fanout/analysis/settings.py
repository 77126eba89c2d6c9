"""The keys of a scenario with their values, in one level, to compare scenarios key by key."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from fanout.scenario import Scenario

WHOLE = ("timeout_s", "service_time")
"""Mappings that are one value."""


def settings_of(scenario: Scenario, without: Collection[str]) -> dict[str, Any]:
    """The values by dotted key, as a scenario file has them, without these keys. None stands for an absent value."""
    written = scenario.model_dump(mode="json", exclude=set(without))
    if isinstance(scenario.questions, str):  # each run has a copy of the file in its own directory
        written["questions"] = Path(scenario.questions).name
    return dict(_flat(written))


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        deeper = isinstance(value, Mapping) and key not in WHOLE
        found += _flat(value, f"{before}{key}.") if deeper else [(f"{before}{key}", value)]
    return found
