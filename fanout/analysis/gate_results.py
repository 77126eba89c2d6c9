"""Judges gates over the rows of a comparison. Pure functions.

A gate on a duration or share judges the mean over a row's runs; a gate on a count or maximum must hold in every run. A
gate on a duration or share against a baseline is judged by its interval: it fails if the whole interval is on the wrong
side, so unchanged code fails in at most one of twenty cases. If the interval includes the bound, the runs show neither:
the gate is undecided, which passes, except with `strict`. A gate on an unknown figure never passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fanout.analysis.compare import Row, side_by_side
from fanout.analysis.intervals import MOST_REPEATS, Ratio, short
from fanout.analysis.locust_metrics import why_unknown
from fanout.analysis.metrics import measured, measured_in_common
from fanout.analysis.single_runs import clear_direction
from fanout.analysis.summary import Summary
from fanout.scenario import Scenario
from fanout.scenario.gate_syntax import BASELINE, Gate, parse_gate, with_implied
from fanout.scenario.metrics import Unit
from fanout.text import format_ms, format_number

Result = Literal["passed", "failed", "undecided", "not shown", "no data"]
"""`undecided` and `not shown` are the same finding, without and with `strict`."""
OF_SINGLE_RUNS = ("adapter.mean", "adapter.p50", "adapter.p90", "adapter.p95")
"""The metrics in which two single runs can show a large difference. A maximum depends on one question."""
DIGITS = range(3, 18)
"""The digits of a figure: the fewest that distinguish it from its bound. 17 distinguish any two floats."""


@dataclass(frozen=True)
class Judgement:
    """The result of one gate for one row."""

    gate: Gate
    row: str
    """The row's label."""
    result: Result
    value: str
    """What was measured, for people."""
    bound: str
    """What was allowed, for people."""
    remedy: str = ""
    """What to do if the gate could not be decided."""

    @property
    def passed(self) -> bool:
        return self.result in ("passed", "undecided")

    def __str__(self) -> str:
        return (
            f"{self.row}: {self.gate}: {self.result}, {self.value} ({self.bound}{self.remedy and '; ' + self.remedy})"
        )


def gates_of(scenario: Scenario | None, more: Sequence[Gate], *, implied: bool) -> Sequence[Gate]:
    """A scenario's gates, the gates in `more`, and the implied ones if `implied` is set."""
    written = [*(map(parse_gate, scenario.gates) if scenario else ()), *more]
    return with_implied(written) if implied else list(dict.fromkeys(written))


def judge(
    rows: Sequence[Row], more: Sequence[Gate] = (), *, implied: bool = True, strict: bool = False
) -> list[Judgement]:  # fmt: skip
    """Judges every gate of every row; `more` apply to all rows. A baseline isn't compared with itself.

    With `strict`, a gate against a baseline passes only if the runs show that it holds.
    """
    bases = {id(row.baseline.repeats) for row in rows if row.compared and row.baseline is not None}
    return [
        _judged(gate, row, strict=strict)
        for row in rows
        for gate in gates_of(_scenario(row), more, implied=implied)
        if gate.of != BASELINE or row.compared or id(row.repeats) not in bases
    ]


def unjudged(label: str, scenario: Scenario, more: Sequence[Gate]) -> list[Judgement]:
    """The judgements on a row that lacks runs."""
    remedy = "make the missing runs"
    return [
        Judgement(gate, label, "no data", "a run is missing", _allowed(gate, None), remedy)
        for gate in gates_of(scenario, more, implied=True)
    ]


def _scenario(row: Row) -> Scenario | None:
    run = row.repeats.runs[0].run
    return run.scenario if run is not None else None


def _judged(gate: Gate, row: Row, *, strict: bool) -> Judgement:
    if gate.of == BASELINE:
        return _against_baseline(gate, row, strict=strict)
    values = [measured(gate.metric, run) for run in row.repeats.runs]
    bounds = [_bound(gate, run) for run in row.repeats.runs]
    return _by_points(gate, row, values, bounds)


def _by_points(gate: Gate, row: Row, values: Sequence[float | None], bounds: Sequence[float | None]) -> Judgement:
    """Judges the figures without an interval; `values` and `bounds` are those of each run."""
    known = [value for value in values if value is not None]
    limits = [bound for bound in bounds if bound is not None]
    if len(known) < len(values) or len(limits) < len(bounds):
        return _without_data(gate, row, gate.metric if len(known) < len(values) else str(gate.of))
    if not gate.of_every_run:
        known, limits = [sum(known) / len(known)], [sum(limits) / len(limits)]
    pairs = list(zip(known, limits, strict=True))
    # Shows a run in which the gate fails, or else the one with the largest value.
    value, bound = next((pair for pair in pairs if not gate.holds(*pair)), max(pairs))
    result: Result = "passed" if gate.holds(value, bound) else "failed"
    of_runs = f" in one of {len(values)} runs" if gate.of_every_run and result == "failed" and len(values) > 1 else ""
    return Judgement(gate, row.label, result, in_words(value, gate.unit, bound) + of_runs, _allowed(gate, bound))


def _without_data(gate: Gate, row: Row, metric: str) -> Judgement:
    """The judgement where `metric`, the gate's or its bound's, is unknown in a run or in its baseline."""
    metric = gate.metric if metric == BASELINE else metric
    runs = [*row.repeats.runs, *(row.baseline.repeats.runs if gate.of == BASELINE and row.baseline else ())]
    reports = [run for run in runs if run.is_locust_report and measured(metric, run) is None]
    if reports:
        why, remedy = why_unknown(metric, reports[0])
        return Judgement(gate, row.label, "no data", f"{metric} is unknown: {why}", _allowed(gate, None), remedy)
    remedy = "run it again" if gate.implied else "run it again, or leave the gate out"
    return Judgement(gate, row.label, "no data", f"{metric} is unknown", _allowed(gate, None), remedy)


def _against_baseline(gate: Gate, row: Row, *, strict: bool) -> Judgement:
    base = row.baseline
    if base is None or not row.compared:
        remedy = "name a run of it, or one single run, by --baseline"
        return Judgement(gate, row.label, "no data", "nothing to compare with", _allowed(gate, None), remedy)

    def measure(runs: Sequence[Summary]) -> list[float | None]:
        return measured_in_common(gate.metric, runs)

    values, before, ratio_of = side_by_side(row.repeats, base.repeats, measure)
    known, known_before = ([value for value in side if value is not None] for side in (values, before))
    if not gate.is_noisy or len(known) < len(values) or len(known_before) < len(before):
        limit = max(known_before) * gate.factor if len(known_before) == len(before) else None
        return _by_points(gate, row, values, [limit] * len(values))
    allowed = f"allowed: {gate.comparison} {gate.factor:g} times {base.label}'s"
    ratio = ratio_of(known, known_before)
    if ratio is None:
        return Judgement(gate, row.label, "no data", "a figure is not positive", allowed, "look at both runs")
    value = f"{short(ratio.value)} times {ratio.interval or '(too few runs for an interval)'}"
    holds = _holds(gate, ratio, row.summary, base.summary)
    if holds is None:
        return Judgement(gate, row.label, "not shown" if strict else "undecided", value, allowed, _remedy(gate, ratio))
    return Judgement(gate, row.label, "passed" if holds else "failed", value, allowed)


def _holds(gate: Gate, ratio: Ratio, run: Summary, base: Summary) -> bool | None:
    """Whether the runs show that the gate holds, or that it doesn't; None if they show neither."""
    if ratio.low is not None and ratio.high is not None:
        held = [gate.holds(end, gate.factor) for end in (ratio.low, ratio.high)]
        return held[0] if held[0] == held[1] else None
    if ratio.runs > 1 or gate.metric not in OF_SINGLE_RUNS:
        return None
    is_clear = clear_direction(run, base, ratio.value / gate.factor) != 0 if gate.factor else False
    return gate.holds(ratio.value, gate.factor) if is_clear else None


def _remedy(gate: Gate, ratio: Ratio) -> str:
    """What to do to decide the gate."""
    if ratio.noise is None:
        return "repeat the runs to decide it: --repeat 5"
    repeats = ratio.deciding_repeats(gate.factor)
    if repeats is None:
        return f"the ratio is too close to the bound for {MOST_REPEATS} repeats to decide it"
    return f"about {repeats} repeats would decide it"


def _bound(gate: Gate, run: Summary) -> float | None:
    """The bound in a run, for a gate that isn't against a baseline; None means unknown."""
    of = 1.0 if gate.of is None else measured(gate.of, run)
    return None if of is None else gate.factor * of


def _allowed(gate: Gate, bound: float | None) -> str:
    """What was allowed; a bound that is another metric is followed by its value."""
    written = gate.text.removeprefix(gate.metric).strip()
    if gate.of is None or bound is None:
        return f"allowed: {written}"
    return f"allowed: {written}, which is {in_words(bound, gate.unit)}"


def in_words(value: float, unit: Unit, beside: float | None = None) -> str:
    """A figure for people, with enough digits to distinguish it from the figure that is shown `beside` it."""
    if unit == "":
        return f"{value:.0f}" if value % 1 == 0 else f"{value:g}"
    for digits in DIGITS:
        shown = _rounded(value, unit, digits)
        if beside is None or value == beside or shown != _rounded(beside, unit, digits):
            break
    return shown


def _rounded(value: float, unit: Unit, digits: int) -> str:
    return f"{format_number(100 * value, digits)} %" if unit == "%" else format_ms(value, digits)


def summary_sentences(judgements: Sequence[Judgement]) -> list[str]:
    """How many gates passed, then each that did not; one sentence each."""
    if not judgements:
        return []
    shown = reportable(judgements)
    if not shown:
        return ["no question failed"]
    broken = [found for found in shown if not found.passed]
    count = f"{len(shown)} gate{'s' * (len(shown) > 1)}"
    if not broken:
        undecided = [found for found in shown if found.result == "undecided"]
        but = f", {len(undecided)} of them undecided" if undecided else ""
        return [(f"{count} passed" if len(shown) == 1 else f"all {count} passed") + but, *map(str, undecided)]
    of_all = count if len(shown) == 1 else f"{len(broken)} of {count}"
    return [f"{of_all} did not pass", *map(str, broken)]


def reportable(judgements: Sequence[Judgement]) -> list[Judgement]:
    """The judgements without implied gates that passed."""
    return [found for found in judgements if not (found.gate.implied and found.passed)]
