"""Shared by the benchmarks: asks questions through the coordinator process or a script, and compares pairs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fanout.processes.child import Child  # noqa: E402


@dataclass(frozen=True)
class Measured:
    """One client's results."""

    adapter_ms: Sequence[float]
    cpu_ms: float
    """The client's CPU time per question."""


def lines_of_coordinator(scenario_file: Path, addresses: Sequence[str], *options: str) -> list[dict[str, Any]]:
    """What the coordinator process writes while it asks one round of a scenario's questions."""
    args = [str(scenario_file), "--agents", ",".join(addresses), "--rounds", "1", *options]
    child = Child("the coordinator", "fanout.coordinator", args)
    lines = list(iter(child.listen, None))
    child.close()
    return lines


def through_coordinator(scenario_file: Path, addresses: Sequence[str], *options: str) -> Measured:
    """Asks one round of a scenario's questions through the coordinator process."""
    lines = lines_of_coordinator(scenario_file, addresses, *options)
    adapter_ms = [line["adapter_ms"] for line in lines if line["is"] == "outcome"]
    return Measured(adapter_ms, lines[-1]["coordinator"]["loop_health"]["cpu_s"] * 1000 / len(adapter_ms))


def through_script(name: str, addresses: Sequence[str], *args: object) -> Measured:
    """Asks the same agents through a script of this folder, which prints a JSON object."""
    command = [sys.executable, str(ROOT / "benchmarks" / name), ",".join(addresses), *map(str, args)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120)
    found = json.loads(done.stdout)
    return Measured(found["adapter_ms"], found["cpu_ms"])


def in_words(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, str]:
    """Returns both medians of interleaved pairs, and in words the median of the pairs' ratios with their range."""
    one, other = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratios = sorted(a / b for a, b in pairs)
    return one, other, f"ratio {statistics.median(ratios):.3f} (pairs: {ratios[0]:.2f} to {ratios[-1]:.2f})"
