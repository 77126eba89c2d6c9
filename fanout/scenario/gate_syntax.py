"""Gates: what has to hold of a run, such as `adapter.p95 < 50 ms`. fanout/analysis/gate_results.py judges them.

    METRIC  <  <=  >  >=  ==  !=  BOUND

A bound is a number with the metric's unit (`50 ms`, `0.2 s`, `5 %`, `0`), another metric of the same unit or `baseline`
(the same metric of the run compared with), each with a factor if need be: `connections.opened <= agents`,
`adapter.mean < 1.2 * baseline`.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fanout.scenario.metrics import METRICS, Unit, metrics_in_words

BASELINE = "baseline"
ALLOWED = "METRIC < BOUND (or <=, >, >=, ==, !=), such as adapter.p95 < 50 ms; docs/gates.md has every metric"

MAX_LETTERS = 200
"""Of a gate."""

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
    """One of them. `str()` is how it is written."""

    metric: str
    comparison: str
    """One of < <= > >= == !=."""
    factor: float
    """The bound itself, in ms, as a count or as a share of 1; or what `of` is multiplied by."""
    of: str | None
    """The metric that bounds it, or `baseline`; None where the bound is a plain number."""
    text: str
    implied: bool = False
    """Whether nobody wrote it: that no question fails is taken for granted."""

    def __str__(self) -> str:
        return self.text

    @property
    def unit(self) -> Unit:
        return METRICS[self.metric].unit

    @property
    def is_noisy(self) -> bool:
        """Whether it says something of a duration or share against a baseline, which only an interval can tell."""
        return self.of == BASELINE and self.unit != ""

    @property
    def of_every_run(self) -> bool:
        """Whether it has to hold in each of several runs: a count, or the most that may happen."""
        return self.unit == "" or self.metric.endswith(".max")

    def holds(self, value: float, bound: float) -> bool:
        return _OPERATORS[self.comparison](value, bound)


def parse_gate(text: str) -> Gate:
    """Reads one. Raises ValueError with what is wrong and what is allowed."""
    found = _GATE.fullmatch(text) if len(text) <= MAX_LETTERS else None  # of many blanks it would take its time
    if found is None:
        raise ValueError(f"not a gate; allowed: {ALLOWED}")
    metric, comparison, bound = found.groups()
    unit = _unit_of(metric)
    if plain := _PLAIN.fullmatch(bound):
        number, written = plain.groups()
        if written not in _FACTORS[unit]:
            raise ValueError(f"{bound!r} is no bound of {metric}; allowed: {_bounds(unit)}")
        value = float(number) * _FACTORS[unit][written]
        if (unit == "" and value % 1) or (unit == "%" and not written and value > 1):
            raise ValueError(f"{bound!r} is no bound of {metric}; allowed: {_bounds(unit)}")
        return Gate(metric, comparison, value, None, _tidy(text))
    relative = _RELATIVE.fullmatch(bound)
    if relative is None:
        raise ValueError(f"{bound!r} is no bound; allowed: {_bounds(unit)}")
    factor, of = relative[1] or relative[4] or "1", relative[2] or relative[3]
    if of != BASELINE and _unit_of(of) != unit:
        raise ValueError(f"{metric} can't be compared with {of}, which is something else; allowed: {_bounds(unit)}")
    if of == BASELINE and unit != "" and comparison in ("==", "!="):
        raise ValueError(f"two runs' {metric} are never the same; allowed: <, <=, > and >= before baseline")
    return Gate(metric, comparison, float(factor), of, _tidy(text))


def _unit_of(metric: str) -> Unit:
    if metric not in METRICS:
        close = difflib.get_close_matches(metric, METRICS, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ValueError(f"no metric {metric!r}; {hint}allowed: {metrics_in_words()}")
    return METRICS[metric].unit


def _bounds(unit: Unit) -> str:
    plain = {"ms": "a duration such as 50 ms or 0.2 s", "": "a whole number", "%": "a share such as 5 % or 0.05"}
    return f"{plain[unit]}, or a metric of the same unit or baseline, with a factor if need be (1.2 * baseline)"


def _tidy(text: str) -> str:
    return " ".join(text.split())


IMPLIED = tuple(Gate(metric, "==", 0.0, None, f"{metric} == 0", implied=True) for metric in ("failed", "abandoned"))
"""What is taken for granted where a run is judged and its gates don't speak of it."""


def with_implied(gates: Iterable[Gate]) -> Sequence[Gate]:
    """Each gate once, and what is taken for granted."""
    written = list(dict.fromkeys(gates))
    spoken_of = {gate.metric.partition(".")[0] for gate in written}
    return [*(gate for gate in IMPLIED if gate.metric not in spoken_of), *written]
