"""The syntax of gates: conditions on a run, such as `adapter.p95 < 50 ms`. fanout/analysis/gate_results.py judges them.

    METRIC  <  <=  >  >=  ==  !=  BOUND

A bound is a number with the metric's unit (`50 ms`, `0.2 s`, `5 %`, `0`), another metric with the same unit, or
`baseline` (the same metric of the baseline run). The latter two may have a factor: `connections.opened <= agents`,
`adapter.mean < 1.2 * baseline`.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fanout.scenario.metrics import METRICS, Unit, metric_named, metrics_in_words

BASELINE = "baseline"
ALLOWED = "METRIC < BOUND (or <=, >, >=, ==, !=), such as adapter.p95 < 50 ms; docs/gates.md has every metric"

MAX_CHARACTERS = 200
"""The longest gate."""

_FACTORS: dict[Unit, dict[str, float]] = {
    "ms": {"us": 0.001, "µs": 0.001, "ms": 1.0, "s": 1000.0},
    "": {"": 1.0},
    "%": {"": 1.0, "%": 0.01},
}
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_NUMBER = r"\d+(?:\.\d+)?"
_GATE = re.compile(r"\s*([a-z][a-z0-9_.]*)\s*(<=|>=|==|!=|<|>)\s*(\S.*?)\s*")
_PLAIN = re.compile(rf"({_NUMBER})\s*([a-zµ%]*)")
_RELATIVE = re.compile(rf"(?:({_NUMBER})\s*\*\s*)?([a-z][a-z0-9_.]*)|([a-z][a-z0-9_.]*)\s*\*\s*({_NUMBER})")


@dataclass(frozen=True)
class Gate:
    """A parsed gate. `str()` returns its text."""

    metric: str
    comparison: str
    """One of < <= > >= == !=."""
    factor: float
    """The bound itself (in ms, a count, or a share of 1); or the factor that `of` is multiplied by."""
    of: str | None
    """The metric that is the bound, or `baseline`; None if the bound is a number."""
    text: str
    implied: bool = False
    """Whether it applies by default, without being written: no question may fail."""

    def __str__(self) -> str:
        return self.text

    @property
    def unit(self) -> Unit:
        return metric_named(self.metric).unit

    @property
    def is_noisy(self) -> bool:
        """Whether it compares a duration or share with a baseline, which needs a confidence interval."""
        return self.of == BASELINE and self.unit != ""

    @property
    def of_every_run(self) -> bool:
        """Whether it must hold in every single repeat: it bounds a count or a maximum."""
        return self.unit == "" or self.metric.endswith(".max")

    def holds(self, value: float, bound: float) -> bool:
        return _OPERATORS[self.comparison](value, bound)


def parse_gate(text: str) -> Gate:
    """Parses a gate. Raises ValueError with what is wrong and what is allowed."""
    found = _GATE.fullmatch(text) if len(text) <= MAX_CHARACTERS else None  # many spaces would make it slow
    if found is None:
        raise ValueError(f"not a gate; allowed: {ALLOWED}")
    metric, comparison, bound = found.groups()
    unit = _unit_of(metric)
    if plain := _PLAIN.fullmatch(bound):
        number, written = plain.groups()
        if written not in _FACTORS[unit]:
            raise ValueError(f"{bound!r} is not a bound for {metric}; allowed: {_bounds(unit)}")
        value = float(number) * _FACTORS[unit][written]
        if (unit == "" and value % 1) or (unit == "%" and not written and value > 1):
            raise ValueError(f"{bound!r} is not a bound for {metric}; allowed: {_bounds(unit)}")
        return Gate(metric, comparison, value, None, _tidy(text))
    relative = _RELATIVE.fullmatch(bound)
    if relative is None:
        raise ValueError(f"{bound!r} is not a bound; allowed: {_bounds(unit)}")
    factor, of = relative[1] or relative[4] or "1", relative[2] or relative[3]
    if of != BASELINE and _unit_of(of) != unit:
        raise ValueError(f"{metric} can't be compared with {of}, which has another unit; allowed: {_bounds(unit)}")
    if of == BASELINE and unit != "" and comparison in ("==", "!="):
        raise ValueError(f"{metric} is never equal in two runs; allowed: <, <=, > and >= before baseline")
    return Gate(metric, comparison, float(factor), of, _tidy(text))


def _unit_of(metric: str) -> Unit:
    try:
        return metric_named(metric).unit
    except KeyError:
        close = difflib.get_close_matches(metric, METRICS, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ValueError(f"no metric {metric!r}; {hint}allowed: {metrics_in_words()}") from None


def _bounds(unit: Unit) -> str:
    plain = {"ms": "a duration such as 50 ms or 0.2 s", "": "a whole number", "%": "a share such as 5 % or 0.05"}
    return f"{plain[unit]}, or a metric of the same unit or baseline, optionally with a factor (1.2 * baseline)"


def _tidy(text: str) -> str:
    return " ".join(text.split())


IMPLIED = tuple(Gate(metric, "==", 0.0, None, f"{metric} == 0", implied=True) for metric in ("failed", "abandoned"))
"""The gates that apply to every run whose own gates don't mention their metric."""


def with_implied(gates: Iterable[Gate]) -> Sequence[Gate]:
    """The implied gates, then the given ones without duplicates."""
    written = list(dict.fromkeys(gates))
    mentioned = {gate.metric.partition(".")[0] for gate in written}
    return [*(gate for gate in IMPLIED if gate.metric not in mentioned), *written]
