"""What is to be judged at the end of a run within Locust, as its command line says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fanout.errors import UsageError
from fanout.files import remove_earlier
from fanout.runs.baselines import find_baseline
from fanout.scenario.gate_syntax import Gate, parse_gate


@dataclass(frozen=True)
class Wanted:
    gates: tuple[Gate, ...] = ()
    """Besides those of the scenario."""
    baseline: Path | None = None
    """The run, or the runs, to compare with."""
    junit: Path | None = None

    def begin(self) -> None:
        """Before the run is made. Raises CouldNotRunError for a file that can't be written."""
        if self.junit is not None:
            remove_earlier(self.junit)

    @classmethod
    def of(cls, gates: Sequence[str], baseline: str, junit: str, results: Path) -> Wanted:
        """Reads the options. Raises UsageError for a wrong gate, NoDataError for a baseline that isn't there."""
        found = []
        for text in gates:
            try:
                found.append(parse_gate(text))
            except ValueError as error:
                raise UsageError(f"--gate: {text!r}: {error}") from error
        return cls(tuple(found), find_baseline(baseline, results) if baseline else None, Path(junit) if junit else None)
