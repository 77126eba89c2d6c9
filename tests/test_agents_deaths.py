from __future__ import annotations

from fanout.agents.deaths import Death


def test_a_death_in_words() -> None:
    assert str(Death(2, 101.0, "SIGKILL", restarted=True)) == "agent 2's process ended (SIGKILL): it is restarted"
    assert "all further questions for it will fail" in str(Death(2, 101.0, "SIGKILL", restarted=False))
