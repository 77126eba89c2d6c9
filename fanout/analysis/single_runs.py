"""Whether two single runs differ by more than identical runs do. Pure functions.

One run says nothing about its noise, so only large differences get a verdict: differences far beyond those between
identical runs, which `benchmarks/identical_runs.py` measures and docs/comparing.md lists. A stall that hits some
questions of one run moves its mean but not the median question, so both must differ.
"""

from __future__ import annotations

from math import log

import polars as pl

from fanout.analysis.intervals import Verdict
from fanout.analysis.summary import Summary
from fanout.runs.questions_csv import IDENTITY, with_latency
from fanout.runs.reader import Run

MUCH = 5.0
"""The least ratio of two runs' means that is called much faster or slower."""
MUCH_PER_QUESTION = 3.0
"""The least ratio of the median question, among the questions that both runs answered."""
MIN_QUESTIONS = 30


def verdict_on_single_runs(run: Summary, base: Summary, ratio: float) -> Verdict:
    """The verdict; `ratio` is the ratio of the means."""
    direction = clear_direction(run, base, ratio)
    if direction == 0:
        return "unclear, one run each"
    return "much slower, one run each" if direction > 0 else "much faster, one run each"


def clear_direction(run: Summary, base: Summary, ratio: float) -> int:
    """1 if this run is clearly slower, -1 if it is clearly faster, 0 if two single runs can't show either.

    `ratio` is the ratio of a figure of both runs. For a bound other than 1, the caller divides it by the bound.
    """
    if run.run is None or base.run is None or run.work != base.work or run.suspect or base.suspect:
        return 0
    if ratio <= 0 or abs(log(ratio)) < log(MUCH):
        return 0
    median = median_question_ratio(run.run, base.run)
    if median is None or abs(log(median)) < log(MUCH_PER_QUESTION):
        return 0
    if (ratio > 1) != (median > 1):
        return 0
    return 1 if ratio > 1 else -1


def median_question_ratio(run: Run, base: Run) -> float | None:
    """The median over questions of the adapter latency divided by that of the baseline.

    Only questions with positive latencies in both runs count; None if they are fewer than MIN_QUESTIONS.
    """
    ours, theirs = (with_latency(each.questions).select(*IDENTITY, "latency_ms") for each in (run, base))
    both = ours.filter(pl.col("latency_ms") > 0).join(
        theirs.filter(pl.col("latency_ms") > 0), on=IDENTITY, suffix="_before"
    )
    ratios = both.select(pl.col("latency_ms") / pl.col("latency_ms_before")).collect().to_series()
    return None if ratios.len() < MIN_QUESTIONS else float(ratios.median())  # type: ignore[arg-type]
