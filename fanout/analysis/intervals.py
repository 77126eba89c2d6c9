"""How many times a figure of some runs is that of others, and how sure that is. Pure functions.

The run is the unit: what differs from run to run, such as a neighbour on the machine, moves all of a run's questions
together, so that a thousand questions of one run tell no more about it than one. Figures are compared by their
logarithms, so that half as long and twice as long weigh the same.

The interval is a percentile bootstrap (Efron) over runs. Of few values a plain bootstrap's is too narrow, since it
never leaves the values' own range: of three runs it can't hold more than 75 %. Its deviations are stretched to what
Student's t says of so few values. docs/comparing.md tells how often such intervals are wrong, which
tests/test_analysis_intervals.py counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
MIN_RUNS = 3
"""Pairs; of two, an interval would say nothing but that it is wide."""
RESAMPLES = 5000
SEED = 1
"""Fixed, so that the same runs give the same interval."""

Verdict = Literal["faster", "slower", "no difference shown", "too few runs", "noise unknown", "unknown"]

_Z = 1.959964
_T = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
    2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
)  # fmt: skip
"""Student's t, two-sided at 95 %, for 1 to 20 degrees of freedom; see any table of it."""

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """Below 1: the runs' figure is smaller than the baseline's."""

    value: float
    runs: int
    """Of which it is: pairs, or the larger of the two numbers of runs."""
    low: float | None = None
    """The interval's ends; None where the runs are too few to tell."""
    high: float | None = None

    @property
    def interval(self) -> str | None:
        """Its ends as people read them; None where the runs are too few to tell."""
        return None if self.low is None or self.high is None else f"({short(self.low)} to {short(self.high)})"

    @property
    def verdict(self) -> Verdict:
        if self.low is None or self.high is None:
            return "noise unknown" if self.runs == 1 else "too few runs"
        if self.high < 1:
            return "faster"
        return "slower" if self.low > 1 else "no difference shown"


def short(ratio: float) -> str:
    """A ratio as people read it: to two or three significant digits."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def paired_ratio(values: Sequence[float], base: Sequence[float]) -> Ratio | None:
    """Of runs made in turn: the first of these beside the first of those, and so on.

    What disturbed both of a pair cancels out. None where a figure isn't positive, or there is none.
    Raises ValueError for unequal numbers of runs.
    """
    if len(values) != len(base):
        raise ValueError(f"{len(values)} runs can't be paired with {len(base)}")
    if not _are_positive(values, base):
        return None
    logs = np.log(values) - np.log(base)
    count = len(logs)
    if count < MIN_RUNS:
        return Ratio(float(np.exp(logs.mean())), count)
    return _ratio(float(logs.mean()), _deviations(logs)[_draws(count, count)].mean(axis=1), count, count - 1)


def unpaired_ratio(values: Sequence[float], base: Sequence[float]) -> Ratio | None:
    """Of runs that were not made in turn. Both are taken to be equally noisy, so that even one run can be compared with
    a baseline of several. None where a figure isn't positive, or there is none.
    """
    if not _are_positive(values, base):
        return None
    new, old = np.log(values), np.log(base)
    estimate = float(new.mean() - old.mean())
    more, freedom = max(len(new), len(old)), len(new) + len(old) - 2
    if freedom < MIN_RUNS - 1:
        return Ratio(float(np.exp(estimate)), more)
    # One run alone tells nothing of the noise.
    residuals = np.concatenate([_deviations(logs) for logs in (new, old) if len(logs) > 1])
    drawn = residuals[_draws(len(residuals), len(new) + len(old))]
    spread = drawn[:, : len(new)].mean(axis=1) - drawn[:, len(new) :].mean(axis=1)
    return _ratio(estimate, spread, more, freedom)


def _deviations(logs: _Floats) -> _Floats:
    """From their mean, and larger by what a sample's deviations from its own mean are too small."""
    deviations: _Floats = (logs - logs.mean()) * np.sqrt(len(logs) / (len(logs) - 1))
    return deviations


def _are_positive(*figures: Sequence[float]) -> bool:
    return all(len(values) > 0 and min(values) > 0 for values in figures)


@cache
def _draws(count: int, size: int) -> npt.NDArray[np.int64]:
    """Which of `count` deviations each resample of this size is of."""
    return np.random.default_rng(SEED).integers(0, count, (RESAMPLES, size))


def _ratio(estimate: float, spread: _Floats, runs: int, freedom: int) -> Ratio:
    """`spread` are resampled deviations from the estimate, all in logarithms."""
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = estimate + np.quantile(spread, tails) * _student_t(freedom) / _Z
    return Ratio(float(np.exp(estimate)), runs, float(np.exp(low)), float(np.exp(high)))


def _student_t(freedom: int) -> float:
    """Beyond the table by the first terms of its expansion (Abramowitz and Stegun, 26.7.5)."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    return _Z + (_Z**3 + _Z) / (4 * freedom) + (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / (96 * freedom**2)
