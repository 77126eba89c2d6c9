from __future__ import annotations

from collections.abc import Collection

from fanout.locust_plugin.tally import Tally
from fanout.outcome import Outcome

ADDRESSES = ["http://localhost:1", "http://localhost:2"]


def ok(agent: int, service_ms: float | None = 5.0, adapter_ms: float | None = 1.0) -> Outcome:
    return Outcome("q", 1, 1, agent, "ok", service_ms=service_ms, adapter_ms=adapter_ms)


def failed(agent: int) -> Outcome:
    return Outcome("q", 1, 1, agent, "failed", "connect_failed", "could not connect")


def problems(*outcomes: Outcome, dead: Collection[int] = ()) -> list[str]:
    tally = Tally()
    for outcome in outcomes:
        tally.add(outcome)
    return tally.problems(ADDRESSES, dead)


def test_good_answers_are_no_problem() -> None:
    assert problems() == problems(ok(1), ok(2), ok(1), failed(1)) == []


def test_an_agent_that_fails_everything_is_named() -> None:
    (problem,) = problems(ok(1), failed(2), failed(2), failed(2))
    assert problem.startswith("agent 2 (http://localhost:2) failed every question that it took, 3 of 4: repair it")


def test_one_that_fails_late_is_not_asked_the_more() -> None:
    (problem,) = problems(ok(1), ok(1), ok(1), failed(2))
    assert problem.endswith("failed every question that it took, 1 of 4: repair it")


def test_of_one_that_died_it_is_known_why() -> None:
    assert problems(ok(1), failed(2), failed(2), failed(2), dead={2}) == []


def test_where_all_fail_it_is_not_one_agent() -> None:
    assert problems(failed(1), failed(2)) == []


def test_missing_and_impossible_service_times_are_told() -> None:
    (problem,) = problems(ok(1), ok(2, None, None))
    assert problem.startswith("1 of 2 answers came without a service time")
    (problem,) = problems(ok(1), ok(2, 99.0, -5.0))
    assert problem.startswith("1 answers name a service time longer than they took")
