from __future__ import annotations

import pytest

from fanout.agents.deaths import Death, problems


def died(agent: int, *at: float, how: str = "SIGKILL", restarted: bool = True) -> list[Death]:
    return [Death(agent, 100.0 + second, how, restarted) for second in at]


@pytest.mark.parametrize(
    ("deaths", "said"),
    [
        ([], []),
        (
            died(3, 1.25, restarted=False),
            [
                "agent 3 died once, after 1.25 s of the run (SIGKILL), and answered nothing from then on: Locust's log "
                "has what it said; workers.restart: always has it started again"
            ],
        ),
        (
            [*died(3, 1, 2), *died(1, 4, how="exit status 70")],
            [
                "agent 3 died 2 times, after 1.00 s, 2.00 s of the run (SIGKILL), and was started again: what it was "
                "asked meanwhile failed; Locust's log has what it said",
                "agent 1 died once, after 4.00 s of the run (exit status 70), and was started again: what it was asked "
                "meanwhile failed; Locust's log has what it said",
            ],
        ),
    ],
)
def test_each_agent_s_deaths_are_told_with_how_often_and_when(deaths: list[Death], said: list[str]) -> None:
    assert problems(deaths, began=100.0) == said


def test_one_that_is_not_started_again_in_the_end_answers_nothing() -> None:
    (said,) = problems([*died(1, 1), *died(1, 2, how="exit status 1", restarted=False)], began=100.0)
    assert said.startswith(
        "agent 1 died 2 times, after 1.00 s, 2.00 s of the run (SIGKILL, exit status 1), and answered nothing"
    )


def test_many_deaths_and_many_agents_are_not_all_listed() -> None:
    (said,) = problems(died(1, *range(20)), began=100.0)
    assert "20 times, after 0.00 s, 1.00 s, 2.00 s, 3.00 s, 4.00 s and 15 more of the run" in said
    *_, last = problems([death for agent in range(9) for death in died(agent + 1, 1, 2)], began=100.0)
    assert last == "4 other agents died 8 times: look in run.json's workers for when and how"


def test_a_death_in_words() -> None:
    assert str(died(2, 1)[0]) == "agent 2's process ended (SIGKILL): it is started again"
    assert "nothing answers its questions any more" in str(died(2, 1, restarted=False)[0])
