from __future__ import annotations

from pathlib import Path

import pytest

from fanout.errors import UsageError
from fanout.scenario import Steps
from fanout.scenario.remote_agents import Load, announced, announced_by_rounds, announced_by_users, checked

HERE = ("http://localhost:5001", "http://127.0.0.1:5002", "https://[::1]:5003")
FIVE = tuple(f"http://10.0.0.{n}:5001" for n in range(5, 10))


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        ([], None),
        ([Load(32, 100)], None),
        ([Load(HERE, 100)] * 3, None),
        ([Load(FIVE[:1], 100)], "sends 100 questions to agents on other machines: http://10.0.0.5:5001"),
        (
            [Load(FIVE, 100)] * 3,
            "sends 300 questions (3 runs of 100) to agents on other machines: "
            "http://10.0.0.5:5001, http://10.0.0.6:5001 and 3 more",
        ),
        (
            [Load(FIVE[:1], 100), Load(4, 50), Load((*HERE, FIVE[1]), 20)],
            "sends 120 questions (2 runs) to agents on other machines: http://10.0.0.5:5001, http://10.0.0.6:5001",
        ),
        (
            [Load(FIVE[:1], 100, Steps(users=(1, 3), each_s=20)), Load(HERE, 50)],
            "sends 100 questions a round, rounds for 40 s from up to 3 users each to agents on other machines: "
            "http://10.0.0.5:5001",
        ),
    ],
)
def test_runs(loads: list[Load], expected: str | None) -> None:
    assert announced(loads) == expected


@pytest.mark.parametrize(
    ("users", "rounds_go_on", "expected"),
    [
        (1, False, "sends 100 questions to agents"),
        (4, False, "sends 100 questions from each of 4 users to agents"),
        (1, True, "sends 100 questions a round, rounds until stopped to agents"),
        (4, True, "sends 100 questions a round, rounds until stopped, from each of 4 users to agents"),
        (None, True, "sends 100 questions a round, rounds until stopped, from each user to agents"),
    ],
)
def test_locust_s_users(users: int | None, rounds_go_on: bool, expected: str) -> None:
    said = announced_by_users(Load(FIVE[:1], 100), users, rounds_go_on=rounds_go_on)
    assert said == f"{expected} on other machines: http://10.0.0.5:5001"
    assert announced_by_users(Load(HERE, 100), users, rounds_go_on=rounds_go_on) is None


def test_rounds() -> None:
    load, elsewhere = Load(FIVE[:1], 10), "to agents on other machines: http://10.0.0.5:5001"
    assert announced_by_rounds(load, 1) == f"sends 10 questions {elsewhere}"
    assert announced_by_rounds(load, 2) == f"sends 20 questions (2 rounds of 10) {elsewhere}"
    many = announced_by_rounds(load, 2_000_000_000)  # too many to hold in memory one by one
    assert many == f"sends 20000000000 questions (2000000000 rounds of 10) {elsewhere}"
    assert announced_by_rounds(Load(HERE, 10), 2) is None


def test_a_file_of_questions_is_counted_where_they_leave_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    for load in (Load(HERE, str(file)), Load(4, str(file))):  # the file doesn't exist yet
        assert announced([load]) is announced_by_rounds(load, 2) is None
        assert announced_by_users(load, 2, rounds_go_on=True) is None
    file.write_text('{"text": "Wer?"}\n' * 3)
    elsewhere = "to agents on other machines: http://10.0.0.5:5001"
    assert announced([Load(FIVE[:1], str(file))]) == f"sends 3 questions {elsewhere}"


def test_the_command_line_s_addresses_are_checked_and_taken_as_a_scenario_s_are() -> None:
    assert list(checked(["http://localhost:5001/", HERE[1]], allow_remote=False)) == ["http://localhost:5001", HERE[1]]
    with pytest.raises(UsageError, match="--agents http://localhost:0: port 0 can't be connected to"):
        checked(["http://localhost:0"], allow_remote=False)
