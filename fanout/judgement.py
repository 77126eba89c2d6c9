"""Gates judged over the rows of a comparison. Pure functions.

A duration or share of several runs is the mean of the runs' own; a count has to hold in every run. A duration against
a baseline is judged with its interval: the gate passes only if the whole interval is on the right side, since what
can't be told from noise hasn't been shown. What isn't known is never a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fanout.compare import Row, short
from fanout.gates import BASELINE, Gate, Unit, parse_gate, with_implied
from fanout.measures import measured
from fanout.ratios import Ratio, paired_ratio, unpaired_ratio
from fanout.summary import Summary

Result = Literal["passed", "failed", "not shown", "no data"]


@dataclass(frozen=True)
class Judgement:
    """One gate and one row."""

    gate: Gate
    row: str
    """The row's label."""
    result: Result
    value: str
    """What was measured, as people read it."""
    bound: str
    """What was allowed, likewise."""
    remedy: str = ""
    """What to do, where nothing could be told."""

    @property
    def passed(self) -> bool:
        return self.result == "passed"

    def __str__(self) -> str:
        return (
            f"{self.row}: {self.gate}: {self.result}, {self.value} ({self.bound}{self.remedy and '; ' + self.remedy})"
        )


def gates_of(row: Row, more: Sequence[Gate], *, implied: bool) -> Sequence[Gate]:
    """A row's: those of its scenario, these, and what is taken for granted if that is wanted."""
    run = row.repeats.runs[0].run
    written = [*(map(parse_gate, run.scenario.gates) if run else ()), *more]
    return with_implied(written) if implied else list(dict.fromkeys(written))


def judge(rows: Sequence[Row], more: Sequence[Gate] = (), *, implied: bool = True) -> list[Judgement]:
    """Every gate of every row. `more` are for all rows; a row that is a baseline isn't held against itself."""
    bases = {id(row.baseline.repeats) for row in rows if row.compared and row.baseline is not None}
    return [
        _judged(gate, row)
        for row in rows
        for gate in gates_of(row, more, implied=implied)
        if gate.of != BASELINE or row.compared or id(row.repeats) not in bases
    ]


def _judged(gate: Gate, row: Row) -> Judgement:
    if gate.of == BASELINE:
        return _against_baseline(gate, row)
    values = [measured(gate.metric, run) for run in row.repeats.runs]
    bounds = [_bound(gate, run) for run in row.repeats.runs]
    return _by_points(gate, row, values, bounds)


def _by_points(gate: Gate, row: Row, values: Sequence[float | None], bounds: Sequence[float | None]) -> Judgement:
    """By the figures as they are: `values` and `bounds` of each run."""
    known = [value for value in values if value is not None]
    limits = [bound for bound in bounds if bound is not None]
    if len(known) < len(values) or len(limits) < len(bounds):
        metric = gate.metric if len(known) < len(values) else str(gate.of)
        remedy = "run it again, or leave the gate out"
        return Judgement(gate, row.label, "no data", f"{metric} isn't known", _asked(gate, None), remedy)
    if gate.unit != "":
        known, limits = [sum(known) / len(known)], [sum(limits) / len(limits)]
    pairs = list(zip(known, limits, strict=True))
    # Of counts, the run in which it doesn't hold is the one to be shown.
    value, bound = next((pair for pair in pairs if not gate.holds(*pair)), pairs[0])
    result: Result = "passed" if gate.holds(value, bound) else "failed"
    return Judgement(gate, row.label, result, in_words(value, gate.unit), _asked(gate, bound))


def _against_baseline(gate: Gate, row: Row) -> Judgement:
    base = row.baseline
    if base is None or not row.compared:
        remedy = "name what to compare with by --baseline"
        return Judgement(gate, row.label, "no data", "nothing to compare with", _asked(gate, None), remedy)
    pairs = row.repeats.pairs_with(base.repeats)
    mine, theirs = zip(*pairs, strict=True) if pairs else (row.repeats.runs, base.repeats.runs)
    values, before = _values(gate, mine), _values(gate, theirs)
    if not gate.is_noisy or not values or not before:
        limit = sum(before) / len(before) * gate.factor if before else None
        return _by_points(gate, row, values or [None], [limit] * max(1, len(values)))
    ratio = (paired_ratio if pairs else unpaired_ratio)(values, before)
    return _by_interval(gate, row, ratio, f"allowed: {gate.comparison} {gate.factor:g} times {base.label}'s")


def _by_interval(gate: Gate, row: Row, ratio: Ratio | None, asked: str) -> Judgement:
    if ratio is None:
        return Judgement(gate, row.label, "no data", "a figure that isn't positive", asked, "look at both runs")
    if ratio.low is None or ratio.high is None:
        value = f"{short(ratio.value)} times, {ratio.verdict}"
        return Judgement(gate, row.label, "not shown", value, asked, "repeat the runs: --repeat 5")
    value = f"{short(ratio.value)} times ({short(ratio.low)} to {short(ratio.high)})"
    held = [gate.holds(end, gate.factor) for end in (ratio.low, ratio.high)]
    if any(held) and not all(held):
        remedy = "the interval reaches over the bound: repeat more often, or allow more"
        return Judgement(gate, row.label, "not shown", value, asked, remedy)
    return Judgement(gate, row.label, "passed" if all(held) else "failed", value, asked)


def _values(gate: Gate, runs: Sequence[Summary]) -> list[float]:
    """The metric of each run; none where it isn't known of one of them."""
    values = [measured(gate.metric, run) for run in runs]
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def _bound(gate: Gate, run: Summary) -> float | None:
    """What bounds the metric in a run, where that isn't a baseline."""
    of = 1.0 if gate.of is None else measured(gate.of, run)
    return None if of is None else gate.factor * of


def _asked(gate: Gate, bound: float | None) -> str:
    """What was allowed; a bound that is another metric's with its value."""
    written = gate.text.removeprefix(gate.metric).strip()
    if gate.of is None or bound is None:
        return f"allowed: {written}"
    return f"allowed: {written}, which is {in_words(bound, gate.unit)}"


def in_words(value: float, unit: Unit) -> str:
    """A figure as people read it."""
    if unit == "%":
        return f"{value:.3g}" if 0 < value < 0.001 else f"{100 * value:.3g} %"
    if unit == "ms":
        return f"{value:.2f} ms"
    return f"{value:g}"


def summed_up(judgements: Sequence[Judgement]) -> list[str]:
    """In sentences: how many passed, then each that didn't."""
    if not judgements:
        return []
    told = worth_telling(judgements)
    if not told:
        return ["every question was answered"]
    broken = [found for found in told if not found.passed]
    count = f"{len(told)} gate{'s' * (len(told) > 1)}"
    if not broken:
        return [f"{count} passed" if len(told) == 1 else f"all {count} passed"]
    return [f"{len(broken)} of {count} did not pass", *map(str, broken)]


def worth_telling(judgements: Sequence[Judgement]) -> list[Judgement]:
    """Without what was taken for granted and is so."""
    return [found for found in judgements if not (found.gate.implied and found.passed)]
