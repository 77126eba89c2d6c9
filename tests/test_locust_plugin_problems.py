from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pytest

from fanout.locust_plugin.answer_tally import AnswerTally
from fanout.locust_plugin.problems import (
    answer_problems,
    connection_problems,
    connections_by_agent,
    death_problems,
    problems_of,
    question_problems,
)
from fanout.locust_plugin.run_end import RunEnd
from fanout.outcome import Outcome
from fanout.runs.schema import AgentConnections, CoordinatorInfo, Death, WorkerInfo

ADDRESSES = ["http://localhost:1", "http://localhost:2"]


def coordinator(*opened: int, elsewhere: int = 0, not_opened: int = 0) -> CoordinatorInfo:
    """One that opened so many connections to each agent; `not_opened` are of the first."""
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


def test_a_good_run_has_none() -> None:
    assert problems_of(replace(END, workers=tuple(accepted(1, 2)))) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"failure": "the fleet died"}, "the run broke off: the fleet died; run it again"),
        (
            {"ended_by": "stopped", "planned": 0, "ended": {}, "coordinators": ()},
            "the run was stopped before it asked a question: run it for longer",
        ),
        ({"ended": {"ok": 3}}, "4 questions were asked but 3 ended: run it again"),
        ({"ended": {"ok": 3, "abandoned": 1}}, "1 questions were in flight when the run ended: give them longer"),
        (
            {"ended": {"ok": 1, "failed": 1, "abandoned": 2}, "ended_by": "interrupted"},
            "the run was interrupted when 2 of 4 planned questions had been answered: run it again",
        ),
    ],
)
def test_questions_that_are_missing(changes: Mapping[str, object], expected: str) -> None:
    (problem,) = question_problems(replace(END, **changes))  # type: ignore[arg-type]
    assert problem.startswith(expected)


def test_how_many_were_asked_is_unknown_where_a_coordinator_did_not_report() -> None:
    end = replace(END, coordinators=(*END.coordinators, CoordinatorInfo(2)), workers=tuple(accepted(9, 9)))
    assert end.questions.dispatched is None
    assert problems_of(end) == ()


def test_the_dead_are_not_blamed_for_anything_else() -> None:
    dead = (*accepted(1), WorkerInfo(2, accepted=0, deaths=(Death(101.0, "SIGKILL", restarted=False),)))
    tally = AnswerTally()
    for outcome in (ok(1), failed(2)):
        tally.add(outcome)
    (problem,) = problems_of(replace(END, workers=dead, answers=tally.answers(), addresses=tuple(ADDRESSES)))
    assert problem.startswith("agent 2 died once, after 1.00 s of the run (SIGKILL)")


def test_of_an_interrupted_run_connections_are_not_compared() -> None:
    end = replace(END, workers=tuple(accepted(1, 3)))
    assert len(problems_of(end)) == 1
    assert not [problem for problem in problems_of(replace(end, ended_by="interrupted")) if "defect" in problem]


# Connections, by both ends' count.


def test_coordinators_are_put_together() -> None:
    rows = connections_by_agent([coordinator(1, 2), coordinator(3, 4)])
    assert [(row.agent, row.opened) for row in rows] == [(1, 4), (2, 6)]


def test_both_ends_agree() -> None:
    assert connection_problems([coordinator(1, 2), coordinator(3, 4)], accepted(4, 6)) == []


def test_a_difference_is_a_defect_and_names_the_agent() -> None:
    (defect,) = connection_problems([coordinator(1, 2), coordinator(3, 4)], accepted(4, 7))
    assert defect.startswith("defect: the clients opened 6 connections to agent 2, which accepted 7:")
    assert "run again" in defect


def test_a_connection_that_broke_while_it_was_opened_may_have_been_accepted_or_not() -> None:
    one = coordinator(3, 3, not_opened=2)
    assert connection_problems([one], accepted(5, 3)) == []
    assert "to agent 1, which accepted 6" in connection_problems([one], accepted(6, 3))[0]


def test_an_agent_that_died_or_hangs_can_t_be_checked() -> None:
    assert connection_problems([coordinator(1, 2)], accepted(1, 0), unreliable={2}) == []


def test_differences_that_cancel_out_are_still_defects() -> None:
    (defect,) = connection_problems([coordinator(5, 5)], accepted(4, 6))
    assert "to agents 1, 2, which accepted 10" in defect


def test_what_goes_through_a_proxy_can_t_be_checked() -> None:
    (problem,) = connection_problems([coordinator(1, 1, elsewhere=1)], accepted(7, 0))
    assert problem.startswith("connections to agents 1, 2 led elsewhere, to a proxy")


def test_many_agents_are_not_all_listed() -> None:
    (defect,) = connection_problems([coordinator(*[1] * 40)], accepted(*[2] * 40))
    assert "to agents 1, 2, 3, 4, 5 and 35 more, which accepted 80" in defect


# Deaths.


def died(agent: int, *deaths: tuple[float, str], restarted: bool = True) -> WorkerInfo:
    """An agent whose process ended so many seconds into the run, and how; whether it was started again at last."""
    last = len(deaths) - 1
    ends = [Death(100.0 + at, how, restarted=restarted or n < last) for n, (at, how) in enumerate(deaths)]
    return WorkerInfo(agent, deaths=tuple(ends))


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        (accepted(1, 2), []),
        (
            [died(3, (1.25, "SIGKILL"), restarted=False)],
            [
                "agent 3 died once, after 1.25 s of the run (SIGKILL), and answered nothing from then on: Locust's log "
                "has what it said; workers.restart: always has it started again"
            ],
        ),
        (
            [died(3, (1, "SIGKILL"), (2, "SIGKILL")), died(1, (4, "exit status 70"))],
            [
                "agent 3 died 2 times, after 1.00 s, 2.00 s of the run (SIGKILL), and was started again: what it was "
                "asked meanwhile failed; Locust's log has what it said",
                "agent 1 died once, after 4.00 s of the run (exit status 70), and was started again: what it was asked "
                "meanwhile failed; Locust's log has what it said",
            ],
        ),
    ],
)
def test_each_agent_s_deaths_with_how_often_and_when(workers: Sequence[WorkerInfo], expected: list[str]) -> None:
    assert death_problems(workers, began=100.0) == expected


def test_one_that_is_not_started_again_in_the_end_answers_nothing() -> None:
    (problem,) = death_problems([died(1, (1, "SIGKILL"), (2, "exit status 1"), restarted=False)], began=100.0)
    assert problem.startswith(
        "agent 1 died 2 times, after 1.00 s, 2.00 s of the run (SIGKILL, exit status 1), and answered nothing"
    )


def test_many_deaths_and_many_agents_are_not_all_named() -> None:
    (problem,) = death_problems([died(1, *((at, "SIGKILL") for at in range(20)))], began=100.0)
    assert "20 times, after 0.00 s, 1.00 s, 2.00 s, 3.00 s, 4.00 s and 15 more of the run" in problem
    twice = [died(agent, (1, "SIGKILL"), (2, "SIGKILL")) for agent in range(1, 10)]
    *_, last = death_problems(twice, began=100.0)
    assert last == "4 other agents died 8 times: look in run.json's workers for when and how"


# Answers.


def ok(agent: int, service_ms: float | None = 5.0, adapter_ms: float | None = 1.0) -> Outcome:
    return Outcome("q", 1, 1, agent, "ok", service_ms=service_ms, adapter_ms=adapter_ms)


def failed(agent: int, kind: str = "connect_failed") -> Outcome:
    return Outcome("q", 1, 1, agent, "failed", kind, "could not connect")


def problems(*outcomes: Outcome, dead: Collection[int] = ()) -> list[str]:
    tally = AnswerTally()
    for outcome in outcomes:
        tally.add(outcome)
    return answer_problems(tally.answers(), ADDRESSES, dead)


def test_good_answers_are_no_problem() -> None:
    assert problems() == problems(ok(1), ok(2), ok(1), failed(1)) == []


def test_an_agent_that_fails_everything_is_named() -> None:
    (problem,) = problems(ok(1), failed(2), failed(2), failed(2))
    assert problem.startswith("agent 2 (http://localhost:2) failed every question that it took, 3 of 4: repair it")


def test_one_that_fails_late_is_not_asked_the_more() -> None:
    (problem,) = problems(ok(1), ok(1), ok(1), failed(2))
    assert problem.endswith("failed every question that it took, 1 of 4: repair it")


def test_a_question_that_never_left_the_pool_is_no_fault_of_the_agent_s() -> None:
    assert problems(ok(1), failed(2, "pool_timeout")) == []


def test_of_one_that_died_it_is_known_why() -> None:
    assert problems(ok(1), failed(2), failed(2), failed(2), dead={2}) == []


def test_where_all_fail_it_is_not_one_agent() -> None:
    assert problems(failed(1), failed(2)) == []


def test_missing_and_impossible_service_times() -> None:
    (problem,) = problems(ok(1), ok(2, None, None))
    assert problem.startswith("1 of 2 answers came without a service time")
    (problem,) = problems(ok(1), ok(2, 99.0, -5.0))
    assert problem.startswith("1 answers name a service time longer than they took")
