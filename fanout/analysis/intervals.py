"""The ratio of two configurations' figures, with a confidence interval. Pure functions.

The run is the unit. What differs from run to run, such as a noisy neighbour, moves all questions of a run together, so
a thousand questions of one run say no more about it than one. Figures are compared by their logarithms, so that half
and double weigh the same.

The interval is Student's t over the logarithms: paired for interleaved runs, pooled for others. docs/comparing.md says
how often such intervals are wrong, and tests/test_analysis_intervals.py counts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, log, sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt

MIN_RUNS = 3
"""The fewest pairs that get an interval; that of two would be too wide to say anything."""
MOST_REPEATS = 100
"""More repeats than this are not worth naming as a remedy."""

Verdict = Literal[
    "faster",
    "slower",
    "no difference shown",
    "much faster, one run each",
    "much slower, one run each",
    "unclear, one run each",
    "too few runs",
    "unknown",
]


@dataclass(frozen=True)
class Ratio:
    """A figure divided by the baseline's: below 1, the figure is smaller."""

    value: float
    runs: int
    """How many pairs there are, or the larger of the two numbers of runs."""
    noise: float | None = None
    """The standard deviation of the logarithm of one pair's ratio; None if the runs are too few to estimate it."""
    low: float | None = None
    """The ends of the 95 % interval; None if the runs are too few."""
    high: float | None = None
    is_paired: bool = True

    @property
    def interval(self) -> str | None:
        """The interval as people read it."""
        return None if self.low is None or self.high is None else f"({short(self.low)} to {short(self.high)})"

    @property
    def verdict(self) -> Verdict:
        if self.low is None or self.high is None:
            return "unclear, one run each" if self.runs == 1 else "too few runs"
        if self.high < 1:
            return "faster"
        return "slower" if self.low > 1 else "no difference shown"

    def deciding_repeats(self, bound: float) -> int | None:
        """How many repeats would distinguish this ratio from `bound`, if ratio and noise stay the same.

        None if the noise is unknown, if more than MOST_REPEATS would be needed, or for a bound of 0.
        """
        if self.noise is None or bound <= 0:
            return None
        distance = abs(log(self.value) - log(bound))
        for repeats in range(self.runs, MOST_REPEATS + 1):
            freedom = repeats - 1 if self.is_paired else 2 * repeats - 2
            if _student_t(freedom) * self.noise / sqrt(repeats) < distance:
                return repeats
        return None


def short(ratio: float) -> str:
    """A ratio as people read it: to two or three significant digits."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def paired_ratio(values: Sequence[float], base: Sequence[float]) -> Ratio | None:
    """The ratio of interleaved runs, each divided by its counterpart, so that what disturbed both cancels out.

    None if a figure isn't positive, or there is none. Raises ValueError for unequal numbers of runs.
    """
    if len(values) != len(base):
        raise ValueError(f"{len(values)} runs can't be paired with {len(base)}")
    if not _are_positive(values, base):
        return None
    logs = np.log(values) - np.log(base)
    count = len(logs)
    if count < MIN_RUNS:
        return Ratio(exp(logs.mean()), count)
    noise = float(logs.std(ddof=1))
    return _with_interval(float(logs.mean()), noise, noise / sqrt(count), count - 1, count, is_paired=True)


def unpaired_ratio(values: Sequence[float], base: Sequence[float]) -> Ratio | None:
    """The ratio of runs that were not interleaved.

    Both sides are taken to be equally noisy, so that a single run can be compared with a baseline of several. None
    if a figure isn't positive, or there is none.
    """
    if not _are_positive(values, base):
        return None
    new, old = np.log(values), np.log(base)
    estimate, more = float(new.mean() - old.mean()), max(len(new), len(old))
    freedom = len(new) + len(old) - 2
    if freedom < MIN_RUNS - 1:
        return Ratio(exp(estimate), more, is_paired=False)
    pooled = sqrt((_squares(new) + _squares(old)) / freedom)
    error = pooled * sqrt(1 / len(new) + 1 / len(old))
    return _with_interval(estimate, pooled * sqrt(2), error, freedom, more, is_paired=False)


def _squares(logs: npt.NDArray[np.float64]) -> float:
    return float(((logs - logs.mean()) ** 2).sum())


def _are_positive(*figures: Sequence[float]) -> bool:
    return all(len(values) > 0 and min(values) > 0 for values in figures)


def _with_interval(
    estimate: float, noise: float, error: float, freedom: int, runs: int, *, is_paired: bool
) -> Ratio:  # fmt: skip
    """`estimate` and its standard `error` are logarithms."""
    half = _student_t(freedom) * error
    return Ratio(exp(estimate), runs, noise, exp(estimate - half), exp(estimate + half), is_paired)


@cache
def _student_t(freedom: int) -> float:
    """Student's t, two-sided at 95 %."""
    from scipy.special import stdtrit  # noqa: PLC0415 (takes a third of a second to import; only repeats need it)

    return float(stdtrit(freedom, 0.975))
