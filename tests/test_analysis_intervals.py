"""fanout.analysis.intervals: single cases, and how often verdicts are right over many simulated comparisons."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from fanout.analysis.intervals import Ratio, Verdict, paired_ratio, unpaired_ratio
from helpers.noise import Noise, disturbed, heavy_tailed, normal

pytestmark = pytest.mark.slow

SIMULATIONS = 600


@pytest.mark.parametrize(
    ("values", "base", "value", "runs", "verdict"),
    [
        ([20.0], [10.0], 2.0, 1, "unclear, one run each"),
        ([20.0, 40.0], [10.0, 10.0], 8**0.5, 2, "too few runs"),
        ([20.0, 21.0, 19.0], [10.0, 10.0, 10.0], 1.999, 3, "slower"),
        ([5.0, 5.1, 4.9], [10.0, 10.0, 10.0], 0.4999, 3, "faster"),
        ([10.0, 12.0, 8.0], [11.0, 9.0, 10.0], 0.99, 3, "no difference shown"),
        ([10.0, 20.0, 40.0], [10.0, 20.0, 40.0], 1.0, 3, "no difference shown"),
        ([11.0, 22.0, 44.0], [10.0, 20.0, 40.0], 1.1, 3, "slower"),  # what hit both of a pair is not noise
    ],
)
def test_paired(values: list[float], base: list[float], value: float, runs: int, verdict: Verdict) -> None:
    ratio = paired_ratio(values, base)
    assert ratio is not None
    assert ratio.value == pytest.approx(value, rel=1e-3)
    assert (ratio.runs, ratio.verdict) == (runs, verdict)
    if ratio.low is not None and ratio.high is not None:
        assert ratio.low <= ratio.value <= ratio.high


@pytest.mark.parametrize(
    ("values", "base", "verdict"),
    [
        ([20.0], [10.0], "unclear, one run each"),
        ([20.0], [10.0, 10.1], "too few runs"),
        ([20.0, 20.1], [10.0], "too few runs"),
        ([20.0], [10.0, 10.1, 9.9], "slower"),  # the baseline's noise is known
        ([20.0, 20.1], [10.0, 10.1], "slower"),
        ([11.0, 22.0, 44.0], [10.0, 20.0, 40.0], "no difference shown"),
    ],
)
def test_unpaired(values: list[float], base: list[float], verdict: Verdict) -> None:
    ratio = unpaired_ratio(values, base)
    assert ratio is not None and ratio.verdict == verdict


def test_swapping_the_sides_inverts_the_ratio() -> None:
    there, back = paired_ratio([3.0, 4.0, 6.0, 5.0], [2.0, 2.0, 3.0, 2.5]), paired_ratio(
        [2.0, 2.0, 3.0, 2.5], [3.0, 4.0, 6.0, 5.0]
    )  # fmt: skip
    assert there is not None and back is not None and back.low is not None and there.high is not None
    assert there.value * back.value == pytest.approx(1)
    assert there.high * back.low == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("figures", [[0.0, 1.0, 1.0], [-1.0, 1.0, 1.0]])
def test_figures_that_are_not_positive_have_no_ratio(figures: list[float]) -> None:
    for ratio_of in (paired_ratio, unpaired_ratio):
        assert ratio_of(figures, [1.0, 1.0, 1.0]) is None
        assert ratio_of([1.0, 1.0, 1.0], figures) is None
        assert ratio_of([], []) is None


def test_unequal_numbers_of_runs_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="3 runs can't be paired with 2"):
        paired_ratio([1.0, 1.0, 1.0], [1.0, 1.0])


def test_the_intervals_are_student_s() -> None:
    """By hand: logarithms 0, 0.1 and 0.2 have a mean and a deviation of 0.1; t is 4.3027 for 2 degrees of freedom."""
    logs = [0.0, 0.1, 0.2]
    paired = paired_ratio([math.exp(value) for value in logs], [1.0, 1.0, 1.0])
    assert paired is not None and paired.low is not None and paired.high is not None
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert [math.log(end) for end in (paired.low, paired.high)] == pytest.approx([0.1 - half, 0.1 + half])
    pooled = unpaired_ratio([math.exp(value) for value in logs], [math.exp(value) for value in logs])
    assert pooled is not None and pooled.high is not None
    assert math.log(pooled.high) == pytest.approx(2.776445 * 0.1 * math.sqrt(2 / 3))


@pytest.mark.parametrize(
    ("ratio", "bound", "repeats"),
    [
        (Ratio(1.02, 5, 0.1, 0.9, 1.15), 1.2, 5),
        (Ratio(1.02, 3, 0.1, 0.8, 1.3), 1.2, 4),  # 3.18 * 0.1 / 2 is less than log(1.2 / 1.02)
        (Ratio(1.02, 3, 0.1, 0.8, 1.3), 1.02, None),
        (Ratio(1.02, 3, 0.1, 0.8, 1.3), 0, None),
        (Ratio(1.02, 1), 1.2, None),
    ],
)
def test_how_many_repeats_would_decide(ratio: Ratio, bound: float, repeats: int | None) -> None:
    assert ratio.deciding_repeats(bound) == repeats


def test_many_runs_narrow_the_interval() -> None:
    def width(ratio: Ratio | None) -> float:
        assert ratio is not None and ratio.low is not None and ratio.high is not None
        return ratio.high / ratio.low

    few, many = [1.0, 1.2, 0.9], [1.0, 1.2, 0.9] * 10
    assert width(paired_ratio(many, [1.0] * 30)) < width(paired_ratio(few, [1.0] * 3)) ** 0.3


def verdicts(runs: int, noise: Noise, *, true: float = 1.0, base_runs: int | None = None) -> Counter[str]:
    """The verdicts of many comparisons of configurations with the true ratio `true`; in a series both drift."""
    generator = np.random.default_rng(7)
    found: Counter[str] = Counter()
    for _ in range(SIMULATIONS):
        drift = generator.normal(0, 0.3, runs) if base_runs is None else 0.0
        values = 100 * true * np.exp(drift + np.asarray(noise(generator, runs)))
        base = 100 * np.exp(drift + np.asarray(noise(generator, base_runs or runs)))
        ratio = (paired_ratio if base_runs is None else unpaired_ratio)(values.tolist(), base.tolist())
        assert ratio is not None
        found[ratio.verdict] += 1
    return found


@pytest.mark.parametrize("noise", [normal, heavy_tailed, disturbed])
@pytest.mark.parametrize(("runs", "base_runs"), [(3, None), (5, None), (10, None), (5, 5)])
def test_identical_configurations_differ_in_at_most_one_of_twenty_comparisons(
    runs: int, base_runs: int | None, noise: Noise
) -> None:
    """5 % of 600 is 30, with a standard deviation of 5.3; 46 is three deviations more."""
    found = verdicts(runs, noise, base_runs=base_runs)
    assert SIMULATIONS - found["no difference shown"] <= 46, found


@pytest.mark.parametrize(("noise", "most"), [(normal, 46), (heavy_tailed, 46), (disturbed, 80)])
def test_a_single_run_against_a_noisy_baseline_is_wrong_no_more_often_unless_disturbed(noise: Noise, most: int) -> None:
    """A run that a neighbour disturbed looks like a slower configuration; one run can't distinguish the two."""
    found = verdicts(1, noise, base_runs=5)
    assert SIMULATIONS - found["no difference shown"] <= most, found


@pytest.mark.parametrize(
    ("runs", "base_runs", "share"), [(3, None, 0.6), (5, None, 0.97), (10, None, 1.0), (5, 5, 0.97), (1, 5, 0.7)]
)
def test_a_true_difference_of_a_half_is_found(runs: int, base_runs: int | None, share: float) -> None:
    assert verdicts(runs, normal, true=1.5, base_runs=base_runs)["slower"] >= share * SIMULATIONS
    assert verdicts(runs, normal, true=1 / 1.5, base_runs=base_runs)["faster"] >= share * SIMULATIONS
