from __future__ import annotations

import pytest

from fanout.studies.published import published, published_runs


def test_the_headline_s_figures() -> None:
    before, after = published("a2a", 32, "default"), published("a2a", 32, "1000/200")
    assert (before.mean_ms, before.max_ms, before.over_100ms) == (1037.0, 6850.0, 59)
    assert (after.mean_ms, after.max_ms, after.over_100ms) == (10.53, 39.35, 0)
    assert before.mean_ms / after.mean_ms == pytest.approx(98.5, abs=0.05)
    assert before.max_ms / after.max_ms == pytest.approx(174, abs=0.1)


def test_every_run_is_distinguishable() -> None:
    keys = [(run.protocol, run.agents, run.limits) for run in published_runs()]
    assert len(keys) == len(set(keys)) == 16
    assert {run.questions for run in published_runs()} == {100}


def test_what_was_not_published_is_an_error() -> None:
    with pytest.raises(KeyError, match="a2a, 33 agents"):
        published("a2a", 33, "default")
