"""Distributions of how much the logarithm of a figure varies from run to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Noise = Callable[[np.random.Generator, int], Sequence[float]]


def normal(generator: np.random.Generator, runs: int) -> Sequence[float]:
    return generator.normal(0, 0.1, runs)  # type: ignore[return-value]


def heavy_tailed(generator: np.random.Generator, runs: int) -> Sequence[float]:
    return 0.1 * generator.standard_t(3, runs)  # type: ignore[return-value]


def disturbed(generator: np.random.Generator, runs: int) -> Sequence[float]:
    """15 % of the runs take about half as long again."""
    return generator.normal(0, 0.05, runs) + np.where(generator.random(runs) < 0.15, 0.4, 0)  # type: ignore[return-value]
