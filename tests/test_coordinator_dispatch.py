from __future__ import annotations

import asyncio
import contextlib
import functools
import random
from collections import Counter
from typing import Any

import pytest

from fanout.coordinator.back_off import DROP_AFTER, MOST_S, BackOff
from fanout.coordinator.dispatch import Ask, Asked, End, Pause, Round
from fanout.protocols import Question
from fanout.scenario import DispatchSettings

QUESTIONS = [Question(str(n), "?") for n in range(50)]


def dispatching(agents: int, ask: Ask, pause: Pause | None = None, **settings: Any) -> Round:
    """A round of QUESTIONS."""
    back_offs = [BackOff(0, agent) for agent in range(agents)]
    this = Round(back_offs, DispatchSettings(**settings), pause)
    this.add(QUESTIONS, ask)
    this.complete()
    return this


class Agents:
    """Fake agents that record who is asked what, and how many at the same time."""

    def __init__(self, delays: list[float]) -> None:
        self.delays = delays
        self.asked: list[tuple[str, int]] = []
        self.ended: list[str] = []
        self.reported: list[str] = []
        self.busy: set[int] = set()
        self.most = 0

    async def ask(self, question: Question, agent: int, attempt: int) -> Asked:
        assert agent not in self.busy
        self.busy.add(agent)
        self.most = max(self.most, len(self.busy))
        self.asked.append((question.id, agent))
        end: End = "abandoned"
        with contextlib.suppress(asyncio.CancelledError):  # like Exchange, where the question ends as abandoned
            await asyncio.sleep(self.delays[agent])
            end = "ok"
        self.ended.append(question.id)
        self.busy.discard(agent)
        return Asked(end, functools.partial(self.reported.append, question.id))


@pytest.mark.parametrize("agents", [1, 3, 50, 80])
def test_every_question_is_asked_once_and_no_agent_twice_at_a_time(agents: int) -> None:
    dice = random.Random(agents)
    fake = Agents([dice.random() / 100 for _ in range(agents)])
    this = dispatching(agents, fake.ask)
    asyncio.run(this.run())
    assert [question for question, _ in fake.asked] == [question.id for question in QUESTIONS]
    assert sorted(fake.ended) == sorted(fake.reported) == sorted(question.id for question in QUESTIONS)
    assert fake.most == min(agents, len(QUESTIONS))
    assert this.dispatched == len(QUESTIONS)


def test_a_slow_agent_does_not_hold_up_the_others() -> None:
    fake = Agents([0.3, 0.001, 0.001])
    asyncio.run(dispatching(3, fake.ask).run())
    assert [agent for _, agent in fake.asked].count(0) == 1


def test_stop_lets_what_is_in_flight_end() -> None:
    async def go() -> Agents:
        fake = Agents([0.5] * 4)
        this = dispatching(4, fake.ask)
        running = asyncio.create_task(this.run())
        while not fake.asked:
            await asyncio.sleep(0)
        this.stop()
        await running
        assert this.dispatched == 4
        return fake

    assert len(asyncio.run(go()).ended) == 4


def test_abandon_ends_what_is_in_flight_at_once_and_each_only_once() -> None:
    async def go() -> Agents:
        fake = Agents([60] * 4)
        this = dispatching(4, fake.ask)
        running = asyncio.create_task(this.run())
        await asyncio.sleep(0.01)
        this.abandon()
        await asyncio.wait_for(running, 5)
        return fake

    fake = asyncio.run(go())
    assert sorted(fake.ended) == ["0", "1", "2", "3"]


def test_a_cancelled_agent_is_asked_nothing_more_even_if_nobody_stopped_the_round() -> None:
    async def go() -> Agents:
        fake = Agents([60] * 4)
        this = dispatching(4, fake.ask)
        running = asyncio.create_task(this.run())
        while len(fake.asked) < 4:
            await asyncio.sleep(0)
        for loop in this._loops:
            loop.cancel()
        await asyncio.wait_for(running, 5)
        return fake

    assert len(asyncio.run(go()).asked) == 4


def test_a_mistake_of_our_own_does_not_pass_for_an_end() -> None:
    async def ask(question: Question, agent: int, attempt: int) -> Asked:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(dispatching(2, ask).run())


class Refusing:
    """Fake agents of which the first fails at once, and the others take a while."""

    def __init__(self, *, all_fail: bool = False, took_s: float = 0.02) -> None:
        self.reported: Counter[str] = Counter()
        self.taken: Counter[int] = Counter()
        self.in_flight: Counter[int] = Counter()
        self.most: Counter[int] = Counter()
        self._all_fail = all_fail
        self._took_s = took_s

    async def ask(self, question: Question, agent: int, _attempt: int) -> Asked:
        self.taken[agent] += 1
        self.in_flight[agent] += 1
        self.most[agent] = max(self.most[agent], self.in_flight[agent])
        fails = self._all_fail or agent == 0
        await asyncio.sleep(0 if fails else self._took_s)
        self.in_flight[agent] -= 1
        end: End = "failed" if fails else "ok"
        return Asked(end, lambda: self.reported.update([f"{question.id} {end}"]), "refused" if fails else None)


@pytest.mark.parametrize(("on_failure", "least", "most"), [("continue", 40, 50), ("back_off", 1, 8), ("drop", 3, 3)])
def test_an_agent_that_fails_at_once_takes_no_more_than_its_share(on_failure: str, least: int, most: int) -> None:
    fake = Refusing()
    this = dispatching(4, fake.ask, on_failure=on_failure)
    asyncio.run(asyncio.wait_for(this.run(), 20))
    assert least <= fake.taken[0] <= most and fake.taken.total() == this.dispatched == len(QUESTIONS)
    equal = len(QUESTIONS) // 4
    assert this.moved == (0 if on_failure == "continue" else equal - fake.taken[0])


def test_a_round_without_an_agent_left_ends_and_says_what_it_dispatched() -> None:
    this = dispatching(3, Refusing(all_fail=True).ask, on_failure="drop")
    asyncio.run(asyncio.wait_for(this.run(), 20))
    assert this.dispatched == 3 * DROP_AFTER


def test_no_agent_waits_when_nothing_is_left_or_the_round_is_stopped() -> None:
    async def go(*, stop: bool) -> None:
        this = dispatching(1, Refusing(all_fail=True).ask)
        for back_off in this._back_offs:
            for _ in range(20):
                back_off.ended(failed=True)  # so that the next wait is as long as any
        running = asyncio.create_task(this.run())
        await asyncio.sleep(0.05)
        assert not running.done()
        if stop:
            this.stop()
        else:
            this.abandon()
        await asyncio.wait_for(running, MOST_S / 4)

    for stop in (True, False):
        asyncio.run(go(stop=stop))


def test_several_questions_can_be_in_flight_at_one_agent() -> None:
    fake = Refusing()
    asyncio.run(dispatching(4, fake.ask, per_agent=3).run())
    assert [fake.most[agent] for agent in (1, 2, 3)] == [3, 3, 3]


@pytest.mark.parametrize("on_failure", ["continue", "back_off", "drop"])
def test_a_failed_question_is_asked_again_by_an_agent_that_is_free(on_failure: str) -> None:
    fake = Refusing()
    this = dispatching(4, fake.ask, on_failure=on_failure, retry=10)
    asyncio.run(asyncio.wait_for(this.run(), 20))
    assert this.dispatched == len(QUESTIONS) and fake.reported.total() == len(QUESTIONS)
    assert this.retried["refused"] == fake.taken[0] - sum("failed" in end for end in fake.reported)
    if on_failure != "continue":  # there, the agent that fails at once takes each question up to ten times
        assert fake.reported == {f"{question.id} ok": 1 for question in QUESTIONS}


def test_a_question_is_asked_no_more_often_than_allowed() -> None:
    fake = Refusing(all_fail=True)
    this = dispatching(5, fake.ask, on_failure="continue", retry=2)
    asyncio.run(asyncio.wait_for(this.run(), 20))
    assert fake.taken.total() == 3 * len(QUESTIONS) and this.retried.total() == 2 * len(QUESTIONS)
    assert fake.reported == {f"{question.id} failed": 1 for question in QUESTIONS}


@pytest.mark.parametrize("end", ["stop", "abandon", "drop"])
def test_a_question_that_waits_to_be_asked_again_is_not_lost(end: str) -> None:
    async def go() -> None:
        fake = Refusing(all_fail=True)
        this = dispatching(2, fake.ask, on_failure="drop" if end == "drop" else "back_off", retry=10)
        running = asyncio.create_task(this.run())
        await asyncio.sleep(0.02)
        if end != "drop":
            getattr(this, end)()
        await asyncio.wait_for(running, 10)
        assert fake.reported.total() == this.dispatched > 0

    asyncio.run(go())


def test_a_mistake_of_our_own_ends_a_round_that_asks_again() -> None:
    async def ask(question: Question, agent: int, attempt: int) -> Asked:
        await asyncio.sleep(0.01)
        if agent == 0:
            raise ZeroDivisionError
        return Asked("failed", lambda: None)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(asyncio.wait_for(dispatching(2, ask, on_failure="continue", retry=1).run(), 10))
