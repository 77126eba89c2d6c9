"""fanout.studies.tour: what it says follows from the runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fanout.analysis.advice import Advice
from fanout.analysis.summary import Summary
from fanout.phases import PHASES, Phase
from fanout.studies.tour import (
    ANP_DEFAULT,
    ANP_TUNED,
    BY_ADDRESS,
    CURES,
    DEFAULT,
    OWN_RESOLVER,
    TOUR,
    TUNED,
    Findings,
    findings,
    takeaways,
)
from helpers.runs import row
from helpers.texts import numbers


def summary(name: str, mean_ms: float | None, connections: int = 100, **phases: float) -> Summary:
    spent: dict[Phase, float] = {phase: phases.get(phase, 0.0) for phase in PHASES}
    known = None if mean_ms is None else spent
    return row(name, mean_ms, questions=100, agents=32, connections=connections, phases_ms=known)


def found(*changed: Summary) -> Findings:
    """What is found where the published fault shows itself, with some of the runs changed."""
    runs = [summary(DEFAULT, 137.0, resolving=120.0), summary(ANP_DEFAULT, 180.0)]
    runs += [summary(name, 12.0, 32) for name in (*CURES, ANP_TUNED)]
    return findings({one.name: one for one in (*runs, *changed)})


def test_the_published_fault_is_found_and_reported_with_the_runs_own_figures() -> None:
    shown = found(summary(BY_ADDRESS, 13.5, 99))
    assert shown.reopens and shown.by_address is not None and shown.anp_alike
    assert list(shown.cures_ms) == list(CURES)
    symptom, cause, cures = takeaways(shown)
    assert numbers(symptom)[:2] == [137, 100]
    assert numbers(cause)[:4] == [99, 13.5, 88, 137]
    assert all(f"{cure} ({shown.cures_ms[name]:.1f} ms)" in cures for name, cure in CURES.items())


@pytest.mark.parametrize(
    ("changed", "part", "value"),
    [
        (
            replace(summary(TUNED, 12.0, 32), advice=(Advice("first", "more", rule="first_burst"),)),
            "rest_is_burst",
            True,
        ),
        (summary(DEFAULT, 137.0, 32, resolving=120.0), "reopens", False),
        (summary(DEFAULT, 137.0, waiting=120.0), "by_address", None),
        (summary(BY_ADDRESS, 130.0), "by_address", None),
        (summary(BY_ADDRESS, None), "by_address", None),
        (summary(OWN_RESOLVER, 120.0), "cures_ms", {name: 12.0 for name in CURES if name != OWN_RESOLVER}),
        (summary(DEFAULT, 12.0, resolving=10.0), "cures_ms", {}),
        (summary(ANP_TUNED, 170.0), "anp_alike", False),
    ],
)
def test_what_the_runs_do_not_show_is_not_said(changed: Summary, part: str, value: object) -> None:
    shown = found(changed)
    assert getattr(shown, part) == value
    assert len(takeaways(shown)) == 3 and takeaways(shown) != takeaways(found())


def test_without_latencies_it_explains_nothing() -> None:
    assert len(takeaways(found(summary(DEFAULT, None)))) == 1


def test_its_scenarios_change_one_thing_each() -> None:
    first, *others = (scenario.model_dump(exclude={"name"}) for scenario in TOUR.scenarios())

    def changed(other: dict[str, Any]) -> list[str]:
        return [key for key in first if other[key] != first[key]]

    # ANP's published runs had other service times.
    anp = [["protocol", "workers"], ["protocol", "client", "workers"]]
    assert list(map(changed, others)) == [["client"], ["workers"], ["coordinator"], ["client"], *anp]
