from __future__ import annotations

from typing import Any

import pytest

from fanout.errors import ScenarioError
from fanout.scenario import Setting, load_scenarios, overlay
from helpers.scenarios import MakeScenario, scenario_of

RAMP = {"kind": "ramp", "users": 4, "over_s": 8, "hold_s": 2}
STEPS = {"kind": "steps", "users": [2, 1, 5], "each_s": 3}
SPIKE = {"kind": "spike", "users": 1, "peak_users": 6, "before_s": 2, "peak_s": 3, "after_s": 4}


@pytest.mark.parametrize(
    ("shape", "most", "users"),
    [
        (RAMP, 4, {0: 1, 1.9: 1, 2: 2, 4: 3, 6: 4, 8: 4, 9.9: 4, 10: None}),
        ({"kind": "ramp", "users": 4, "over_s": 8}, 4, {7.9: 4, 8: None}),
        (STEPS, 5, {0: 2, 2.9: 2, 3: 1, 6: 5, 8.9: 5, 9: None, 100: None}),
        (SPIKE, 6, {0: 1, 1.9: 1, 2: 6, 4.9: 6, 5: 1, 8.9: 1, 9: None}),
    ],
    ids=["ramp", "ramp without a hold", "steps", "spike"],
)
def test_the_users_of_a_shape(shape: dict[str, Any], most: int, users: dict[float, int | None]) -> None:
    found = scenario_of(shape=shape).shape
    assert found is not None and found.most_users == most
    assert {moment: found.users_at(moment) for moment in users} == users


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"shape": "ramp"}, "shape"),
        ({"shape": {"users": 3}}, "shape.kind"),
        ({"shape": {"kind": "wave"}}, "shape.kind"),
        ({"shape": {**RAMP, "users": 0}}, "shape.users"),
        ({"shape": {**RAMP, "each_s": 3}}, "shape.each_s"),
        ({"shape": {**RAMP, "over_s": 0}}, "shape.over_s"),
        ({"shape": {**STEPS, "users": []}}, "shape.users"),
        ({"shape": {**STEPS, "users": [1, 0]}}, "shape.users.1"),
        ({"shape": {"kind": "spike", "users": 1}}, "shape.peak_users"),
        ({"arrivals": 5}, "arrivals"),
        ({"arrivals": {}}, "arrivals.rate"),
        ({"arrivals": {"rate": 0}}, "arrivals.rate"),
        ({"arrivals": {"rate": -1}}, "arrivals.rate"),
        ({"arrivals": {"rate": 1e9}}, "arrivals.rate"),
        ({"arrivals": {"rate": "fast"}}, "arrivals.rate"),
        ({"arrivals": {"rate": 5, "pattern": "uniform"}}, "arrivals.pattern"),
        ({"arrivals": {"rate": 5, "jitter": 1}}, "arrivals.jitter"),
    ],
)
def test_one_mistake_is_reported_at_its_key(keys: dict[str, Any], key: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        scenario_of(**keys)
    problem = refused.value.problems[0]
    assert (problem.key, "allowed" in problem.message) == (key, True)


def test_a_shape_of_another_kind_replaces_the_inherited_one(make_scenario: MakeScenario) -> None:
    assert overlay({"shape": RAMP}, {"shape": SPIKE}) == {"shape": SPIKE}
    assert overlay({"shape": RAMP}, {"shape": {"users": 9}}) == {"shape": {**RAMP, "users": 9}}
    file = make_scenario(arrivals={"rate": 5, "pattern": "poisson"})
    rates = [Setting("arrivals.rate", rate, "--set") for rate in (7, 8)]
    found = [load_scenarios(file, [[rate]])[0].arrivals for rate in rates]
    assert [(each.rate, each.pattern) for each in found if each] == [(7, "poisson"), (8, "poisson")]
