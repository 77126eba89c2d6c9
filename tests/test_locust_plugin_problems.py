from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pytest

from fanout.locust_plugin.answer_tally import AnswerTally
from fanout.locust_plugin.problems import (
    DEFECT,
    answer_problems,
    arrival_problems,
    connection_problems,
    connections_by_agent,
    death_problems,
    problems_of,
    question_problems,
    worker_problems,
)
from fanout.locust_plugin.run_end import RunEnd
from fanout.outcome import Outcome
from fanout.runs.schema import (
    AgentConnections,
    ArrivalCounts,
    ClockOffset,
    CoordinatorInfo,
    Death,
    LocustWorkerInfo,
    WorkerInfo,
)
from helpers.texts import numbers

ADDRESSES = ["http://localhost:1", "http://localhost:2"]


def coordinator(*opened: int, elsewhere: int = 0, not_opened: int = 0) -> CoordinatorInfo:
    """A coordinator that opened so many connections to each agent; `not_opened` are to the first."""
    agents = [
        AgentConnections(
            agent=number, opened=count, elsewhere=elsewhere, closed_by_us=1, not_opened=not_opened * (number == 1)
        )
        for number, count in enumerate(opened, 1)
    ]
    return CoordinatorInfo(1, asked=4, agents=tuple(agents))


def accepted(*counts: int) -> list[WorkerInfo]:
    return [WorkerInfo(number, accepted=count) for number, count in enumerate(counts, 1)]


END = RunEnd(began=100.0, ended_by="rounds_done", planned=4, ended={"ok": 4}, coordinators=(coordinator(1, 2),))


GOOD = LocustWorkerInfo(1, "here", 7, clock=ClockOffset(60.0, 20.0), questions=4, left_early=False)


@pytest.mark.parametrize(
    ("worker", "named"),
    [
        (replace(GOOD, left_early=None, unaccounted=3), [1, 7, 3]),
        (replace(GOOD, left_early=True), [1, 7]),
        (replace(GOOD, clock=ClockOffset(-90.0, 20.0)), [1, 7, 90]),
        (GOOD, None),
    ],
    ids=["lost", "ended", "clock", "good"],
)
def test_locust_workers_that_were_lost_or_ended_and_clocks_that_are_off(
    worker: LocustWorkerInfo, named: list[float] | None
) -> None:
    found = worker_problems((worker,), was_interrupted=False)
    assert [numbers(problem)[: len(named or ())] for problem in found] == ([] if named is None else [named])
    quiet = worker_problems((replace(worker, clock=None),), was_interrupted=True)  # Ctrl-C reaches every process
    assert bool(quiet) == (worker.unaccounted is not None)


def test_a_good_run_has_no_problems() -> None:
    assert problems_of(replace(END, workers=tuple(accepted(1, 2)))) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"failure": "the fleet died"}, ("the fleet died", [])),
        ({"ended_by": "stopped", "planned": 0, "ended": {}, "coordinators": ()}, ("--run-time", [])),
        ({"ended": {"ok": 3}}, ("", [4, 3])),
        ({"ended": {"ok": 3, "abandoned": 1}}, ("--stop-timeout", [1])),
        ({"ended": {"ok": 1, "failed": 1, "abandoned": 2}, "ended_by": "interrupted"}, ("", [2, 4])),
    ],
)
def test_missing_questions(changes: Mapping[str, object], expected: tuple[str, list[float]]) -> None:
    (problem,) = question_problems(replace(END, **changes))  # type: ignore[arg-type]
    named, counts = expected
    assert named in problem and numbers(problem) == counts


def test_the_number_of_questions_is_unknown_if_a_coordinator_did_not_report() -> None:
    end = replace(END, coordinators=(*END.coordinators, CoordinatorInfo(2)), workers=tuple(accepted(9, 9)))
    assert end.questions.dispatched is None
    assert problems_of(end) == ()


def test_dead_agents_have_no_further_problems() -> None:
    dead = (*accepted(1), WorkerInfo(2, accepted=0, deaths=(Death(101.0, "SIGKILL", restarted=False),)))
    tally = AnswerTally()
    for outcome in (ok(1), failed(2)):
        tally.add(outcome)
    (problem,) = problems_of(replace(END, workers=dead, answers=tally.answers(), addresses=tuple(ADDRESSES)))
    assert numbers(problem) == [2, 1.0] and "SIGKILL" in problem


def test_connections_of_an_interrupted_run_are_not_compared() -> None:
    end = replace(END, workers=tuple(accepted(1, 3)))
    (defect,) = problems_of(end)
    assert defect.startswith(DEFECT)
    assert not [problem for problem in problems_of(replace(end, ended_by="interrupted")) if problem.startswith(DEFECT)]


# Connections, as both ends count them.


def test_the_counts_of_coordinators_are_added() -> None:
    rows = connections_by_agent([coordinator(1, 2), coordinator(3, 4)])
    assert [(row.agent, row.opened) for row in rows] == [(1, 4), (2, 6)]


def test_both_ends_agree() -> None:
    assert connection_problems([coordinator(1, 2), coordinator(3, 4)], accepted(4, 6)) == []


def test_a_difference_is_a_defect_and_names_the_agent() -> None:
    (defect,) = connection_problems([coordinator(1, 2), coordinator(3, 4)], accepted(4, 7))
    assert defect.startswith(DEFECT) and numbers(defect) == [6, 2, 7]


def test_a_connection_that_broke_while_opening_may_be_accepted_or_not() -> None:
    one = coordinator(3, 3, not_opened=2)
    assert connection_problems([one], accepted(5, 3)) == []
    assert numbers(connection_problems([one], accepted(6, 3))[0]) == [3, 1, 6]


def test_an_agent_that_died_or_hangs_is_not_checked() -> None:
    assert connection_problems([coordinator(1, 2)], accepted(1, 0), unreliable={2}) == []


def test_differences_that_cancel_out_are_still_defects() -> None:
    (defect,) = connection_problems([coordinator(5, 5)], accepted(4, 6))
    assert numbers(defect) == [10, 1, 2, 10]


def test_connections_through_a_proxy_are_not_checked() -> None:
    (problem,) = connection_problems([coordinator(1, 1, elsewhere=1)], accepted(7, 0))
    assert numbers(problem) == [1, 2] and "NO_PROXY" in problem


def test_many_agents_are_not_all_listed() -> None:
    (defect,) = connection_problems([coordinator(*[1] * 40)], accepted(*[2] * 40))
    assert numbers(defect) == [40, 1, 2, 3, 4, 5, 35, 80]


# Deaths.


def died(agent: int, *deaths: tuple[float, str], restarted: bool = True) -> WorkerInfo:
    """An agent and the deaths of its process: seconds into the run, and how. `restarted` is about the last one."""
    last = len(deaths) - 1
    ends = [Death(100.0 + at, how, restarted=restarted or n < last) for n, (at, how) in enumerate(deaths)]
    return WorkerInfo(agent, deaths=tuple(ends))


GONE, RESTARTED = "workers.restart", "restarted"
"""A word that only the line on agents that stayed dead has, and one that only the other line has."""


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        (accepted(1, 2), []),
        ([died(3, (1.25, "SIGKILL"), restarted=False)], [(GONE, [3, 1.25])]),
        (
            [died(3, (1, "SIGKILL"), (2, "SIGKILL")), died(1, (4, "exit status 70"))],
            [(RESTARTED, [3, 1, 3, 1.0, 2.0, 4.0, 70])],
        ),
        (
            [died(1, (1, "SIGKILL"), (2, "exit status 1"), restarted=False), died(2, (5, "SIGKILL"))],
            [(GONE, [1, 2, 1.0, 2.0, 1]), (RESTARTED, [2, 5.0])],
        ),
        ([died(1, *((at, "SIGKILL") for at in range(20)))], [(RESTARTED, [1, 20, 0, 1, 2, 3, 4, 15])]),
    ],
)
def test_deaths_are_one_line_for_those_that_stayed_dead_and_one_for_the_others(
    workers: Sequence[WorkerInfo], expected: list[tuple[str, list[float]]]
) -> None:
    found = death_problems(workers, began=100.0)
    assert [numbers(problem) for problem in found] == [counts for _, counts in expected]
    assert all(word in problem for problem, (word, _) in zip(found, expected, strict=True))


# Answers.


def ok(agent: int, service_ms: float | None = 5.0, adapter_ms: float | None = 1.0) -> Outcome:
    return Outcome("q", 1, 1, agent, "ok", service_ms=service_ms, adapter_ms=adapter_ms)


def failed(agent: int, kind: str = "connect_failed") -> Outcome:
    return Outcome("q", 1, 1, agent, "failed", kind, "could not connect", "refused")


def problems(*outcomes: Outcome, dead: Collection[int] = ()) -> list[str]:
    tally = AnswerTally()
    for outcome in outcomes:
        tally.add(outcome)
    return answer_problems(tally.answers(), ADDRESSES, dead)


def test_good_answers_are_no_problem() -> None:
    assert problems() == problems(ok(1), ok(2), ok(1), failed(1)) == []


def test_agents_that_fail_everything_are_one_line() -> None:
    (problem,) = problems(ok(1), failed(2), failed(2), failed(2))
    assert "http://localhost:2)" in problem and numbers(problem)[-2:] == [3, 4]
    tally = AnswerTally()
    for outcome in [ok(1), *(failed(agent) for agent in range(2, 31))]:
        tally.add(outcome)
    (problem,) = answer_problems(tally.answers(), [f"http://a:{agent}" for agent in range(1, 31)])
    assert numbers(problem)[:6] == [2, 3, 4, 5, 6, 24] and numbers(problem)[-2:] == [29, 30]


def test_only_agents_that_fail_immediately_receive_more_questions() -> None:
    (often,) = problems(ok(1), failed(2), failed(2), failed(2))
    (seldom,) = problems(ok(1), ok(1), ok(1), failed(2))
    assert len(often) > len(seldom) and numbers(seldom)[-2:] == [1, 4]


def test_no_agent_is_blamed_for_a_timeout_a_lookup_or_the_pool() -> None:
    for kind in ("pool_timeout", "connect_timeout", "read_timeout", "deadline"):
        assert problems(ok(1), failed(2, kind)) == []
    assert problems(ok(1), replace(failed(2), error_cause="name_unknown")) == []
    assert problems(ok(1), replace(failed(2, "connection_lost"), error_cause="closed_by_client")) == []


def test_agents_that_died_are_reported_elsewhere() -> None:
    assert problems(ok(1), failed(2), failed(2), failed(2), dead={2}) == []


def test_no_agent_is_named_if_all_fail() -> None:
    assert problems(failed(1), failed(2)) == []


def test_missing_and_impossible_service_times() -> None:
    (problem,) = problems(ok(1), ok(2, None, None))
    assert numbers(problem) == [1, 2]
    (problem,) = problems(ok(1), ok(2, 99.0, -5.0))
    assert numbers(problem) == [1] and "Server-Timing" in problem


def test_attempts_that_failed_are_counted_by_kind() -> None:
    each = tuple(replace(coordinator(1), retried=kinds) for kinds in ({"read_timeout": 2}, {"refused": 1}, None))
    (problem,) = question_problems(replace(END, coordinators=each, planned=12, ended={"ok": 12}))
    assert numbers(problem) == [3, 2, 1] and "read_timeout" in problem


def test_questions_that_were_due_and_had_not_started_are_a_problem_of_the_run() -> None:
    counts = [ArrivalCounts(due=30, not_started=4), None, ArrivalCounts(due=12, not_started=0)]
    found = [CoordinatorInfo(number, arrivals=arrivals) for number, arrivals in enumerate(counts, 1)]
    (problem,) = arrival_problems(found)
    assert numbers(problem)[:2] == [4, 42]
    assert arrival_problems(found[1:]) == []
