"""fanout.analysis.single_runs: large differences get a verdict, and identical runs do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from fanout.analysis.compare import compare_with
from fanout.analysis.repeats import gathered
from fanout.analysis.run_summary import summarize
from fanout.analysis.summary import Summary
from fanout.runs.reader import Run
from helpers.runs import run_of

RUNS = 40
MS = [float(ms) for ms in range(10, 110)]


def run_with(latencies_ms: Iterable[float], **keys: Any) -> Run:
    return run_of([*latencies_ms], **keys)


def verdict(new: Run | Summary, base: Run | Summary) -> str | None:
    summaries = [one if isinstance(one, Summary) else summarize(one) for one in (base, new)]
    repeats = gathered(summaries)
    return compare_with(repeats, [repeats[0], repeats[0]])[1].verdict


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (90.0, "much slower"), (6.0, "much slower"), (4.5, "unclear"), (1.3, "unclear"), (1.0, "unclear"),
        (0.77, "unclear"), (0.15, "much faster"), (0.011, "much faster"),
    ],
)  # fmt: skip
def test_only_large_differences_get_a_verdict(times: float, expected: str) -> None:
    assert verdict(run_with([times * ms for ms in MS]), run_with(MS)) == f"{expected}, one run each"


def test_a_stall_of_some_questions_is_not_a_slower_configuration() -> None:
    assert verdict(run_with([5000.0] * 20 + MS[20:]), run_with(MS)) == "unclear, one run each"


def test_a_verdict_needs_enough_questions_of_the_same_work_and_a_healthy_load_generator() -> None:
    slow, base = run_with([9 * ms for ms in MS]), run_with(MS)
    assert verdict(slow, base) == "much slower, one run each"
    assert verdict(run_with([9 * ms for ms in MS[:20]]), run_with(MS[:20])) == "unclear, one run each"
    assert verdict(run_with([9 * ms for ms in MS], seed=2), base) == "unclear, one run each"
    assert verdict(replace(summarize(slow), suspect=("busy",)), base) == "unclear, one run each"


@pytest.mark.slow
def test_identical_runs_get_no_verdict() -> None:
    """The noise exceeds that of benchmarks/identical_runs.py: runs vary by a third, questions by half, some hang."""
    generator, found = np.random.default_rng(3), Counter[str | None]()

    def measured() -> Summary:
        of_run, of_questions = generator.normal(0, 0.33), generator.normal(0, 0.5, len(MS))
        hang = np.where(np.arange(len(MS)) < 30, 1000.0, 0.0) if generator.random() < 0.2 else 0.0
        return summarize(run_with(map(float, np.asarray(MS) * np.exp(of_run + of_questions) + hang)))

    pairs = list(combinations([measured() for _ in range(RUNS)], 2))
    for one, other in pairs:
        found[verdict(one, other)] += 1
    assert found["unclear, one run each"] >= 0.95 * len(pairs), found
