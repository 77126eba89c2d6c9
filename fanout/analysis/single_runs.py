"""Whether two single runs differ by more than identical runs do. Pure functions.

One run says nothing about its noise, so only large differences get a verdict: those that identical runs did not come
near in `benchmarks/identical_runs.py`, whose figures docs/comparing.md has. A stall that hits some questions of one run
moves its mean but not the median question, and a question has the same service time in both runs. So both must differ.
"""

from __future__ import annotations

from math import log

import polars as pl

from fanout.analysis.intervals import Verdict
from fanout.analysis.summary import Summary
from fanout.runs.questions_csv import MEASURED
from fanout.runs.reader import Run

MUCH = 5.0
"""The smallest ratio of two runs' means that is called much faster or slower."""
MUCH_PER_QUESTION = 3.0
"""The smallest ratio of the median question, taken over the questions that both runs answered."""
MIN_QUESTIONS = 30
QUESTION = ("coordinator", "round", "question_id")
"""The columns that say which question it is, in any run of the same work."""


def verdict_on_single_runs(run: Summary, base: Summary, ratio: float) -> Verdict:
    """`ratio` is that of the runs' means."""
    direction = clear_direction(run, base, ratio)
    if direction == 0:
        return "unclear, one run each"
    return "much slower, one run each" if direction > 0 else "much faster, one run each"


def clear_direction(run: Summary, base: Summary, ratio: float) -> int:
    """1 where this run is clearly slower, -1 where it is clearly faster, 0 where two single runs can't tell.

    `ratio` is that of a figure of both runs; what it must exceed is divided out by the caller.
    """
    if run.run is None or base.run is None or run.work != base.work or run.suspect or base.suspect:
        return 0
    median = median_question_ratio(run.run, base.run)
    if median is None or ratio <= 0 or abs(log(ratio)) < log(MUCH) or abs(log(median)) < log(MUCH_PER_QUESTION):
        return 0
    if (ratio > 1) != (median > 1):
        return 0
    return 1 if ratio > 1 else -1


def median_question_ratio(run: Run, base: Run) -> float | None:
    """The median over questions of their adapter latency divided by the baseline's.

    None where both answered fewer than MIN_QUESTIONS of the same questions, or where it isn't positive.
    """
    ours, theirs = (each.questions.filter(MEASURED).select(*QUESTION, "adapter_ms") for each in (run, base))
    both = ours.join(theirs, on=QUESTION, suffix="_before").filter(
        (pl.col("adapter_ms") > 0) & (pl.col("adapter_ms_before") > 0)
    )
    if both.height < MIN_QUESTIONS:
        return None
    return float(both.select((pl.col("adapter_ms") / pl.col("adapter_ms_before")).median()).item())
