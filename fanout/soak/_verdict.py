"""Decides whether a figure has grown (pure functions).

The first quarter of each series is left out as warm-up, in which imports, pools, threads and the allocator's arenas
fill up. Of the rest, the lower quartile of the first third is compared with that of the last third. The lower quartile
ignores memory that the allocator has not returned yet (up to 20 MiB in Locust, for half a minute), but not a leak,
which has two thirds of the time to show. A figure has grown if

- the difference is more than its tolerance, absolute or relative (TOLERANCES), and
- the last third is significantly above the first by the one-sided Mann-Whitney U test at a level of 0.005. The test
  assumes no distribution of the noise. Counts of descriptors repeat, so it has to correct for ties.

A leak of one descriptor a minute makes a difference of 10 in 20 minutes, and of 5 in 10. Between runs no process may be
left at all.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from fanout.soak._samples import LOCUST, Sample, When

WARM_UP = 0.25
"""Share of the time."""
TIME_WAIT_S = 60.0
"""How long Linux keeps a socket in TIME_WAIT. Until then, those of the long run are counted as well."""
LEAST = 18
"""Samples needed after the warm-up, six in each third: with fewer the test can't tell growth from noise."""
SIGNIFICANCE = 0.005
"""One-sided."""


class Tolerance(NamedTuple):
    """A figure may grow by the larger of the two."""

    absolute: float
    relative: float


TOLERANCES = {
    # The number of keep-alive connections varies by one or two, in a large pool by a hundredth.
    "descriptors": Tolerance(2, 0.02),
    # A pool's last thread may start late.
    "threads": Tolerance(1, 0.02),
    # Locust itself keeps two numbers for every second and kind of request, and a row of history every five seconds:
    # about 2 MiB an hour. Half of a long run shows in the difference. The rest is for arenas that the allocator keeps.
    "memory_mib": Tolerance(3, 0.05),
    "processes": Tolerance(0, 0),
    # A run that ended a minute ago may be counted with its questions but without its sockets, or the reverse.
    "time_wait_per_question": Tolerance(0.2, 0.25),
}


@dataclass(frozen=True)
class Finding:
    """The verdict on one figure of one role."""

    when: When
    role: str
    figure: str
    first: float
    """Lower quartile of the first third after the warm-up; the first sample where there are too few."""
    last: float
    """Lower quartile of the last third; the last sample where there are too few."""
    most: float
    allowed: float
    verdict: Literal["flat", "grew", "too short"]


def judged(samples: Iterable[Sample]) -> list[Finding]:
    """A finding for each figure of each role, in the order of their first samples."""
    series: dict[tuple[When, str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        series[sample.when, sample.role, sample.figure].append(sample)
    return [finding(when, role, figure, points) for (when, role, figure), points in series.items()]


def unjudged(findings: Iterable[Finding]) -> list[When]:
    """The parts of a soak in which no figure of Locust, which runs throughout, could be judged."""
    judged_in = {found.when for found in findings if found.role == LOCUST and found.verdict != "too short"}
    return [when for when in get_args(When) if when not in judged_in]


def finding(when: When, role: str, figure: str, points: Sequence[Sample]) -> Finding:
    """The finding for one series of at least one sample."""
    values = [point.value for point in points]
    if when == "between runs" and figure == "processes" and role != LOCUST:
        return Finding(when, role, figure, 0, values[-1], max(values), 0, "grew" if any(values) else "flat")
    warm = _warm(figure, points)
    third = len(warm) // 3
    if len(warm) < LEAST:
        allowed = _allowed(figure, values[0])
        return Finding(when, role, figure, values[0], values[-1], max(values), allowed, "too short")
    first, last = warm[:third], warm[-third:]
    before, after = _lower_quartile(first), _lower_quartile(last)
    allowed = _allowed(figure, before)
    grew = after - before > allowed and _is_above(last, first)
    return Finding(when, role, figure, before, after, max(values), allowed, "grew" if grew else "flat")


def _warm(figure: str, points: Sequence[Sample]) -> list[float]:
    began_s, ended_s = points[0].elapsed_s, points[-1].elapsed_s
    warm_up_s = max(WARM_UP * (ended_s - began_s), TIME_WAIT_S if figure == "time_wait_per_question" else 0)
    return [point.value for point in points if point.elapsed_s - began_s >= warm_up_s]


def _allowed(figure: str, before: float) -> float:
    tolerance = TOLERANCES[figure]
    return max(tolerance.absolute, tolerance.relative * before)


def _lower_quartile(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=4, method="inclusive")[0]


def _is_above(last: Sequence[float], first: Sequence[float]) -> bool:
    """Whether `last` is significantly above `first` by the Mann-Whitney U test, corrected for ties."""
    from scipy.stats import mannwhitneyu  # noqa: PLC0415  # takes a second to import; only a verdict needs it

    return bool(mannwhitneyu(last, first, alternative="greater").pvalue < SIGNIFICANCE)
