"""The options about gates. It imports little, since it is needed early; fanout.locust_plugin.gating judges later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fanout.errors import ExitCode, UsageError
from fanout.files import remove_earlier
from fanout.runs.baselines import find_baseline
from fanout.scenario.gate_syntax import Gate, parse_gate


@dataclass(frozen=True)
class GateOptions:
    gates: tuple[Gate, ...] = ()
    """The gates in addition to those of the scenario."""
    baseline: Path | None = None
    """The directory of the run, or of the runs, to compare with."""
    junit: Path | None = None
    strict: bool = False
    """Whether gates against a baseline fail unless the run shows that they hold."""
    error_exit_code: int = ExitCode.FAILED
    """The exit code of a run with failed requests, Locust's --exit-code-on-error. With 0, no gate is implied."""

    @classmethod
    def parse(
        cls, gates: Sequence[str], baseline: str, junit: str, results: Path, *, strict: bool, error_exit_code: int
    ) -> GateOptions:  # fmt: skip
        """Raises UsageError for a wrong gate, NoDataError for a baseline that doesn't exist."""
        parsed = []
        for text in gates:
            try:
                parsed.append(parse_gate(text))
            except ValueError as error:
                raise UsageError(f"--gate: {text!r}: {error}") from error
        found = find_baseline(baseline, results) if baseline else None
        return cls(tuple(parsed), found, Path(junit) if junit else None, strict, error_exit_code)

    def remove_earlier_report(self) -> None:
        """Call it before a run. Raises CouldNotRunError for a file that can't be written."""
        if self.junit is not None:
            remove_earlier(self.junit)
