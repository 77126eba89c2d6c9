from __future__ import annotations

from fanout.locust_plugin.audit import by_agent, defects
from fanout.runs.schema import AgentConnections, CoordinatorInfo


def final(*opened: int, elsewhere: int = 0, not_opened: int = 0) -> CoordinatorInfo:
    """What a coordinator says that opened so many connections to each agent; `not_opened` are of the first."""
    agents = [
        AgentConnections(
            agent=number, opened=count, elsewhere=elsewhere, closed_by_us=1, not_opened=not_opened * (number == 1)
        )
        for number, count in enumerate(opened, 1)
    ]
    return CoordinatorInfo(1, agents=tuple(agents))


def test_coordinators_are_put_together() -> None:
    assert [(row.agent, row.opened) for row in by_agent([final(1, 2), final(3, 4)])] == [(1, 4), (2, 6)]


def test_both_ends_agree() -> None:
    assert defects([final(1, 2), final(3, 4)], [4, 6]) == []


def test_a_difference_is_a_defect_and_names_the_agent() -> None:
    (defect,) = defects([final(1, 2), final(3, 4)], [4, 7])
    assert defect.startswith("defect: the clients opened 6 connections to agent 2, which accepted 7:")
    assert "run again" in defect


def test_a_connection_that_broke_while_it_was_opened_may_have_been_accepted_or_not() -> None:
    ended = final(3, 3, not_opened=2)
    assert defects([ended], [5, 3]) == []
    assert "to agent 1, which accepted 6" in defects([ended], [6, 3])[0]


def test_an_agent_that_died_or_hangs_can_t_be_checked() -> None:
    assert defects([final(1, 2)], [1, 0], unreliable={2}) == []


def test_differences_that_cancel_out_are_still_defects() -> None:
    (defect,) = defects([final(5, 5)], [4, 6])
    assert "to agents 1, 2, which accepted 10" in defect


def test_what_goes_through_a_proxy_can_t_be_checked() -> None:
    (told,) = defects([final(1, 1, elsewhere=1)], [7, 0])
    assert told.startswith("connections to agents 1, 2 led elsewhere, to a proxy")


def test_many_agents_are_not_all_listed() -> None:
    (defect,) = defects([final(*[1] * 40)], [2] * 40)
    assert "to agents 1, 2, 3, 4, 5 and 35 more, which accepted 80" in defect
