"""The output of the rules: what was found, what to change, and how much of the run it accounts for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fanout.json_object import JsonObject
from fanout.phases import Phase
from fanout.text import format_ms


@dataclass(frozen=True)
class Change:
    """One way to carry out a remedy."""

    values: Mapping[str, Any]
    """The scenario's keys with their new values, as a scenario file has them."""
    code: str
    """The same with httpx and Python's standard library, as a user would write it."""

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.values)


@dataclass(frozen=True)
class Advice:
    """What one rule found in a run, and what to change."""

    finding: str
    """What was measured, and why."""
    remedy: str
    """What to do, with the keys of the scenario to set."""
    changes: tuple[Change, ...] = ()
    """The remedy as data: alternatives, the smallest first. Empty if nothing in the scenario can help."""
    spent_ms: Mapping[Phase, float] = field(default_factory=dict)
    """The time of all questions together that the finding explains, by phase."""
    saves_ms: float | None = None
    """By how much the mean adapter latency should fall; None if the run doesn't show it."""
    failures: int = 0
    """The failed questions that the finding explains."""
    share: float = 0.0
    """The share of the adapter latency that the finding explains. No millisecond is in two shares of a run."""
    mean_ms: float | None = None
    """The run's mean adapter latency, of which `saves_ms` is a part."""
    failed: int = 0
    """The run's failed questions, of which `failures` are a part."""
    weight: float = 0.0
    """How much of the run it accounts for, by which advice is sorted. A failed question outweighs several slow ones."""
    rule: str = ""
    """The name of the rule that gave the advice."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that the changes set, each once."""
        return tuple(dict.fromkeys(key for change in self.changes for key in change.keys))

    @property
    def text(self) -> str:
        """The advice as one line."""
        account = []
        if self.failures:
            account.append(f"{self.failures} of {self.failed} failures")
        if self.share:
            account.append(f"{self.share:.0%} of the time")
        if self.saves_ms and self.mean_ms is not None:
            account.append(f"saves about {format_ms(self.saves_ms)} of {format_ms(self.mean_ms)} a question")
        end = f" ({'; '.join(account)})" if account else ""
        remedy = f": {self.remedy}" if self.remedy else ""
        return f"{self.finding}{remedy}{end}"

    def to_json(self) -> JsonObject:
        """The advice for programs."""
        return {
            "rule": self.rule,
            "finding": self.finding,
            "remedy": self.remedy,
            "changes": [{"set": dict(change.values), "code": change.code} for change in self.changes],
            "share": self.share,
            "saves_ms": self.saves_ms,
            "failures": self.failures,
        }
