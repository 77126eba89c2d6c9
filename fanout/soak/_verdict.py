"""Whether what was watched has grown (pure).

Each figure's first quarter is left out: that is warming up, in which imports, pools, threads and the allocator's arenas
are filled. Of what is left the lower quartiles of the first and the last third are compared: what is held at the
quieter times. A leak is held then too, and has two thirds of the time to show, while memory that the allocator has not
given back yet, up to 20 MiB of Locust's for half a minute, comes and goes. It has grown if

- the difference is more than the figure may grow by, in numbers or as a part of what it was (TOLERANCES), and
- it is no noise: the last third is above the first by the Mann-Whitney U test, which asks nothing of the shape of the
  noise, at a level of one in two hundred. Numbers of descriptors recur, so the test has to correct for ties.

A leak of one descriptor a minute makes a difference of 10 in 20 minutes, and of 5 in 10. What must never grow is how
many processes are left between two runs: none.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from fanout.soak._samples import LOCUST, Sample, When

WARM_UP = 0.25
"""Of the time."""
TIME_WAIT_S = 60.0
"""How long Linux keeps a socket in TIME_WAIT: before that there are those of the long run, too."""
LEAST = 18
"""Samples after the warm-up, six in each third: with fewer the test could not tell anything from noise."""
SIGNIFICANCE = 0.005
"""One-sided."""


class Tolerance(NamedTuple):
    """What a figure may grow by: the larger of the two."""

    absolute: float
    relative: float


TOLERANCES = {
    # A keep-alive connection more or less; a hundredth of a large pool is one that happened to be in use.
    "descriptors": Tolerance(2, 0.02),
    # A pool's last thread may start late.
    "threads": Tolerance(1, 0.02),
    # Locust itself keeps two numbers for every second and kind of request, and a row of history every five: about 2 MiB
    # an hour, of which half the hours of a long run show. The rest is for arenas that the allocator does not give back.
    "memory_mib": Tolerance(3, 0.05),
    # No process more.
    "processes": Tolerance(0, 0),
    # A run that ended a minute ago has its questions counted and its sockets gone, or the other way round.
    "time_wait_per_question": Tolerance(0.2, 0.25),
}


@dataclass(frozen=True)
class Finding:
    """What became of one role's figure."""

    when: When
    role: str
    figure: str
    first: float
    """Lower quartile at the beginning, after the warm-up; the first of all where there are too few to say."""
    last: float
    """Lower quartile at the end; the last of all likewise."""
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
    """The parts of a soak that were too short to say anything of Locust, which is there from first to last."""
    told = {found.when for found in findings if found.role == LOCUST and found.verdict != "too short"}
    return [when for when in get_args(When) if when not in told]


def finding(when: When, role: str, figure: str, points: Sequence[Sample]) -> Finding:
    """What became of one series, which has at least one sample."""
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
    """Whether the one lies above the other by more than chance, by the Mann-Whitney U test, which corrects for ties."""
    from scipy.stats import mannwhitneyu  # noqa: PLC0415  # takes a second, which only a verdict has to wait for

    return bool(mannwhitneyu(last, first, alternative="greater").pvalue < SIGNIFICANCE)
