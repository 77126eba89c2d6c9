from __future__ import annotations

from fanout.coordinator.back_off import FACTOR, FIRST_S, LEAST_SHARE, MOST_S, BackOff


def waits(seed: int, agent: int, failures: int) -> list[float]:
    back_off = BackOff(seed, agent)
    found = []
    for _ in range(failures):
        back_off.ended(failed=True)
        found.append(back_off.wait_s)
    return found


def test_waits_grow_up_to_a_limit() -> None:
    for number, wait_s in enumerate(waits(0, 0, 100)):
        longest_s = min(MOST_S, FIRST_S * FACTOR ** min(number, 30))
        assert LEAST_SHARE * longest_s <= wait_s <= longest_s


def test_waits_follow_from_the_seed_and_differ_between_agents() -> None:
    assert waits(1, 2, 9) == waits(1, 2, 9)
    assert waits(1, 2, 9) != waits(1, 3, 9) != waits(2, 3, 9)


def test_an_answer_ends_the_wait() -> None:
    back_off = BackOff(0, 0)
    for _ in range(5):
        back_off.ended(failed=True)
    back_off.ended(failed=False)
    assert (back_off.failures, back_off.wait_s) == (0, 0.0)
    back_off.ended(failed=True)
    assert back_off.wait_s <= FIRST_S
