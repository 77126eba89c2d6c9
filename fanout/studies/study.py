"""A study that fanout bench makes: scenarios of its own, and what is reported of their runs."""

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
    """Of its scenarios."""
    names: tuple[str, ...]
    """Of their files, in the order in which they are run."""
    report: Callable[[Sequence[Run]], Report]
    repeat: int = 1
    """Runs of each scenario, unless the command says otherwise."""
    at_once: int = 1
    """Runs at a time."""
    scale: float | None = None
    """A factor on the service times, unless the command says otherwise; None leaves the scenarios' own."""

    def scenarios(self) -> list[Scenario]:
        """Raises ScenarioError."""
        return [load_scenario(self.folder / f"{name}.yaml") for name in self.names]
