"""The advice on a comparison: one ordered list, each rule once, and nothing that a measured row contradicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fanout.analysis.advice import Advice, Change
from fanout.analysis.comparability import NO_DIFFERENCE
from fanout.analysis.compare import Row
from fanout.analysis.settings import differing, settings_of
from fanout.json_object import JsonObject
from fanout.scenario import flow_text
from fanout.text import listed

AS_MUCH = 0.5
"""A row that loses less than this share of what the first row loses is not named beside it."""


@dataclass(frozen=True)
class RowAdvice:
    """Advice on the row where it matters most, and the other rows that lose about as much."""

    row: str
    advice: Advice
    also: tuple[str, ...] = ()
    runs: int = 1

    @property
    def text(self) -> str:
        which = f"{self.row}, the first of {self.runs} runs" if self.runs > 1 else self.row
        return f"{which}: {self.advice.text}" + (f" (also {listed(self.also)})" if self.also else "")

    @property
    def lines(self) -> list[str]:
        """The advice, then its changes, each with its code."""
        return [
            self.text,
            *map(line_of, self.advice.changes),
        ]

    def to_json(self) -> JsonObject:
        return {"row": self.row, "also": list(self.also), "text": self.text, **self.advice.to_json()}


def line_of(change: Change) -> str:
    """A change as one line: its keys, unless no key of the scenario does it, and its code."""
    return "  |  ".join(filter(None, (in_words(change), change.code)))


def in_words(change: Change) -> str:
    """The keys and values of a change, as a scenario file has them."""
    return ", ".join(f"{key}: {_value(value)}" for key, value in change.values.items())


def _value(value: object) -> str:
    if value is None or isinstance(value, bool):
        return flow_text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{listed([_value(each) for each in value], 2)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def advice(rows: Sequence[Row]) -> list[RowAdvice]:
    """What to change, what accounts for the most first; each rule once, with the rows it applies to."""
    by_rule: dict[str, list[tuple[Row, Advice]]] = {}
    for row in rows:
        for said in row.summary.advice:
            if (left := _uncontradicted(row, said, rows)) is not None:
                by_rule.setdefault(said.rule, []).append((row, left))
    ordered = sorted(by_rule.values(), key=lambda found: max(map(_importance, found)), reverse=True)
    return [_together(found) for found in ordered]


def _importance(found: tuple[Row, Advice]) -> tuple[float, float, float]:
    """Failures count most, then the time of a question, then the share of it."""
    row, said = found
    return said.failures / row.summary.questions, said.saves_ms or 0.0, said.share


def _together(found: Sequence[tuple[Row, Advice]]) -> RowAdvice:
    row, said = most = max(found, key=_importance)
    names = [
        other.label
        for other, told in found
        if other is not row
        and all(
            much >= AS_MUCH * of_most
            for much, of_most in zip(_importance((other, told)), _importance(most), strict=True)
        )
    ]
    return RowAdvice(row.label, said, tuple(dict.fromkeys(names)), row.runs)


def _uncontradicted(row: Row, said: Advice, rows: Sequence[Row]) -> Advice | None:
    """The advice without the changes that another row has made and that made it slower; None if none is left."""
    if not said.changes:
        return said
    left = tuple(change for change in said.changes if not any(_contradicts(row, change, other) for other in rows))
    return replace(said, changes=left) if left else None


def _contradicts(row: Row, change: Change, other: Row) -> bool:
    """Whether the other row differs from this one in this change's keys only, in its direction, and is slower."""
    mine, theirs = _settings(row), _settings(other)
    if other is row or mine is None or theirs is None or mine == theirs:
        return False
    differences = differing([mine, theirs])
    if not differences.keys() <= change.values.keys() or not all(
        _is_towards(start, change.values[key], reached) for key, (start, reached) in differences.items()
    ):
        return False
    ours_ms, theirs_ms = row.summary.mean_ms, other.summary.mean_ms
    if row.summary.work != other.summary.work or ours_ms is None or theirs_ms is None:
        return False
    return theirs_ms > ours_ms and other.summary.failed >= row.summary.failed


def _is_towards(start: Any, end: Any, reached: Any) -> bool:  # noqa: ANN401
    """Whether `reached` lies in the direction from `start` to `end`; for values without an order, whether it is it."""
    numbers = [float("inf") if each == "unlimited" else each for each in (start, end, reached)]
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in numbers):
        return bool(reached == end)
    before, aim, got = numbers
    return (aim - before) * (got - before) > 0


def _settings(row: Row) -> dict[str, Any] | None:
    """The keys of the row's scenario with their values, in one level."""
    run = row.repeats.runs[0].run
    return None if run is None else settings_of(run.scenario, without=NO_DIFFERENCE)
