"""A study for fanout bench: its scenarios, how to run them, and the report on their runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fanout.report import Report
from fanout.runs.reader import Run
from fanout.scenario import Scenario, load_scenario


@dataclass(frozen=True)
class Study:
    folder: Path
    """Where its scenarios are."""
    names: tuple[str, ...]
    """The names of their files, without `.yaml`, in the order of the runs."""
    report: Callable[[Sequence[Run]], Report]
    repeat: int = 1
    """Runs of each scenario, unless the command line sets it."""
    at_once: int = 1
    """How many runs are made at the same time."""
    scale: float | None = None
    """A factor on the service times, unless the command line sets it; None keeps the scenarios' own."""

    def scenarios(self) -> list[Scenario]:
        """Raises ScenarioError."""
        return [load_scenario(self.folder / f"{name}.yaml") for name in self.names]
