from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from fanout.coordinator.dispatch import Round
from fanout.protocols import Question

QUESTIONS = [Question(str(n), "?") for n in range(50)]


class Agents:
    """Fake agents that record who is asked what, and how many at the same time."""

    def __init__(self, delays: list[float]) -> None:
        self.delays = delays
        self.asked: list[tuple[str, int]] = []
        self.ended: list[str] = []
        self.busy: set[int] = set()
        self.most = 0

    async def ask(self, question: Question, agent: int) -> bool:
        assert agent not in self.busy
        self.busy.add(agent)
        self.most = max(self.most, len(self.busy))
        self.asked.append((question.id, agent))
        go_on = False
        with contextlib.suppress(asyncio.CancelledError):  # like Exchange, where the question ends as abandoned
            await asyncio.sleep(self.delays[agent])
            go_on = True
        self.ended.append(question.id)
        self.busy.discard(agent)
        return go_on


@pytest.mark.parametrize("agents", [1, 3, 50, 80])
def test_every_question_is_asked_once_and_no_agent_twice_at_a_time(agents: int) -> None:
    dice = random.Random(agents)
    fake = Agents([dice.random() / 100 for _ in range(agents)])
    this = Round(QUESTIONS, agents, fake.ask)
    asyncio.run(this.run())
    assert [question for question, _ in fake.asked] == [question.id for question in QUESTIONS]
    assert sorted(fake.ended) == sorted(question.id for question in QUESTIONS)
    assert fake.most == min(agents, len(QUESTIONS))
    assert this.dispatched == len(QUESTIONS)


def test_a_slow_agent_does_not_hold_up_the_others() -> None:
    fake = Agents([0.3, 0.001, 0.001])
    asyncio.run(Round(QUESTIONS, 3, fake.ask).run())
    assert [agent for _, agent in fake.asked].count(0) == 1


def test_stop_lets_what_is_in_flight_end() -> None:
    async def go() -> Agents:
        fake = Agents([0.5] * 4)
        this = Round(QUESTIONS, 4, fake.ask)
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
        this = Round(QUESTIONS, 4, fake.ask)
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
        this = Round(QUESTIONS, 4, fake.ask)
        running = asyncio.create_task(this.run())
        while len(fake.asked) < 4:
            await asyncio.sleep(0)
        for loop in this._loops:
            loop.cancel()
        await asyncio.wait_for(running, 5)
        return fake

    assert len(asyncio.run(go()).asked) == 4


def test_a_mistake_of_our_own_does_not_pass_for_an_end() -> None:
    async def ask(question: Question, agent: int) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(Round(QUESTIONS, 2, ask).run())
