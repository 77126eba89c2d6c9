from __future__ import annotations

import asyncio
import functools
import itertools
import time

import pytest

from fanout.coordinator.arrivals import OpenLoad, intended_starts
from fanout.coordinator.back_off import BackOff
from fanout.coordinator.dispatch import BACKLOG, Asked, End, Round
from fanout.phases import LATE_MS
from fanout.protocols import Question
from fanout.runs.schema import ArrivalCounts
from fanout.scenario import Arrivals, DispatchSettings

QUESTIONS = [Question(str(n), "?") for n in range(20)]


class Agents:
    """Fake agents that take a while, and record when each question was due and when it started."""

    def __init__(self, agents: int, service_s: float, per_agent: int = 1, retry: int = 0) -> None:
        self.service_s = service_s
        self.deadline_s = 60.0
        self.end: End = "ok"
        self.asked: list[tuple[str, int]] = []
        self.late_s: list[float] = []
        self.due: list[float] = []
        self.reported: list[str] = []
        back_offs = [BackOff(0, agent) for agent in range(agents)]
        self.round = Round(back_offs, DispatchSettings(per_agent=per_agent, retry=retry))

    def open_load(self, rate: float, **keys: str) -> OpenLoad:
        return OpenLoad(self.round, Arrivals(rate=rate, **keys), "seed", self.deadline_s)  # type: ignore[arg-type]

    async def ask(self, question: Question, agent: int, attempt: int = 1, *, due: float) -> Asked:
        self.asked.append((question.id, agent))
        self.due.append(due)
        self.late_s.append(time.perf_counter() - due)
        await asyncio.sleep(self.service_s)
        return Asked(self.end, functools.partial(self.reported.append, question.id))


def test_constant_gaps_are_equal_and_random_ones_have_the_rate_on_average() -> None:
    constant = list(itertools.islice(intended_starts(Arrivals(rate=4), "seed", 10.0), 5))
    assert constant == [10.0, 10.25, 10.5, 10.75, 11.0]
    poisson = Arrivals(rate=50, pattern="poisson")
    found = list(itertools.islice(intended_starts(poisson, "seed", 0.0), 20_001))
    gaps = [later - earlier for earlier, later in itertools.pairwise(found)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(1 / 50, rel=0.03)
    # The standard deviation of an exponential distribution is its mean.
    assert (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 == pytest.approx(mean, rel=0.05)
    assert found == list(itertools.islice(intended_starts(poisson, "seed", 0.0), 20_001))
    assert found[1] != next(itertools.islice(intended_starts(poisson, "other", 0.0), 1, None))


def test_questions_start_by_the_schedule_however_long_others_take() -> None:
    """Four agents with 0.2 s each could be asked 20 times a second; a closed load would ask all four immediately."""

    async def go() -> Agents:
        fake = Agents(4, 0.2)
        load = fake.open_load(10)
        running = asyncio.create_task(fake.round.run())
        assert await load.arrive(QUESTIONS, fake.ask, is_last=True) == 20
        await asyncio.wait_for(running, 10)
        assert load.counts().due == 20 and load.counts().not_started == 0
        return fake

    fake = asyncio.run(go())
    assert [question for question, _ in fake.asked] == [question.id for question in QUESTIONS]
    assert sorted(fake.reported, key=int) == [question.id for question in QUESTIONS]
    gaps = [later - earlier for earlier, later in itertools.pairwise(fake.due)]
    assert gaps == pytest.approx([0.1] * 19)
    assert {agent for _, agent in fake.asked[:4]} == {0, 1, 2, 3}  # the agent that was free first is asked first


def test_rounds_follow_one_another_without_waiting_for_answers() -> None:
    async def go() -> tuple[Agents, float]:
        fake = Agents(4, 0.5, per_agent=100)
        load = fake.open_load(200)
        running = asyncio.create_task(fake.round.run())
        began = time.perf_counter()
        for number in range(3):
            await load.arrive(QUESTIONS, fake.ask, is_last=number == 2)
        arrived_s = time.perf_counter() - began
        await running
        return fake, arrived_s

    fake, arrived_s = asyncio.run(go())
    assert len(fake.reported) == 60
    assert arrived_s < 1.0  # three rounds one after another would take more than 1.5 s
    assert [later - earlier for earlier, later in itertools.pairwise(fake.due)] == pytest.approx([0.005] * 59)


def test_what_waits_for_an_agent_is_late_and_counted_and_bounded() -> None:
    async def go() -> tuple[Agents, int, OpenLoad]:
        fake = Agents(1, 0.1)
        load = fake.open_load(10_000)
        running = asyncio.create_task(fake.round.run())
        many = [Question(str(n), "?") for n in range(3 * BACKLOG)]
        arriving = asyncio.create_task(load.arrive(many, fake.ask, is_last=False))
        await asyncio.sleep(0.55)
        waiting = len(fake.round._queue)
        fake.round.stop()
        await asyncio.wait_for(asyncio.gather(running, arriving), 5)
        return fake, waiting, load

    fake, waiting, load = asyncio.run(go())
    assert 2 <= len(fake.asked) <= 6
    assert fake.late_s == sorted(fake.late_s) and fake.late_s[-1] > 0.1
    assert waiting <= BACKLOG
    counts = load.counts()
    # By the schedule, 10000 a second are due, of which those that wait to arrive are a part.
    assert counts.due is not None and counts.due > BACKLOG
    assert counts.not_started == counts.due - len(fake.asked)


def test_a_blocked_event_loop_makes_no_question_start_later_than_intended_unnoticed() -> None:
    """Coordinated omission: a load that waits for the loop would not have asked while it was blocked."""

    async def go() -> Agents:
        fake = Agents(50, 0.001)
        load = fake.open_load(100)
        running = asyncio.create_task(fake.round.run())
        asyncio.get_running_loop().call_later(0.02, time.sleep, 0.1)
        await load.arrive(QUESTIONS, fake.ask, is_last=True)
        await running
        return fake

    fake = asyncio.run(go())
    assert sum(late_s > 0.005 for late_s in fake.late_s) >= 8
    assert max(fake.late_s) > 0.08


@pytest.mark.parametrize("abandon", [False, True])
def test_a_load_ends_before_a_question_that_is_not_due(abandon: bool) -> None:
    async def go() -> tuple[Agents, int]:
        fake = Agents(2, 30 if abandon else 0)
        load = fake.open_load(0.01)
        running = asyncio.create_task(fake.round.run())
        arriving = asyncio.create_task(load.arrive(QUESTIONS, fake.ask, is_last=True))
        while not fake.asked:
            await asyncio.sleep(0)
        if abandon:
            fake.round.abandon()
        else:
            fake.round.stop()
        arrived = await asyncio.wait_for(arriving, 5)
        await asyncio.wait_for(running, 5)
        assert load.counts().not_started == 0
        return fake, arrived

    fake, arrived = asyncio.run(go())
    assert (len(fake.asked), arrived) == (1, 1)


def test_what_has_just_arrived_is_not_late() -> None:
    async def go() -> tuple[ArrivalCounts, float]:
        fake = Agents(1, 30)
        began = time.perf_counter()
        load = fake.open_load(1000)
        running = asyncio.create_task(fake.round.run())
        await load.arrive(QUESTIONS[:5], fake.ask, is_last=False)  # within 4 ms; only the first is in flight
        counts = load.counts()
        elapsed_ms = (time.perf_counter() - began) * 1000
        fake.round.abandon()
        await running
        return counts, elapsed_ms

    counts, elapsed_ms = asyncio.run(go())  # one question was due in each ms, but those of the last ones don't count
    assert counts.due is not None and 1 <= counts.due <= max(elapsed_ms - LATE_MS + 1, 1)
    assert counts.not_started == counts.due - 1


def test_a_question_is_not_asked_again_after_its_deadline() -> None:
    async def go() -> Agents:
        fake = Agents(1, 0.06, retry=10)
        fake.end, fake.deadline_s = "failed here", 0.1
        load = fake.open_load(10_000)
        running = asyncio.create_task(fake.round.run())
        await load.arrive(QUESTIONS[:3], fake.ask, is_last=True)
        await asyncio.wait_for(running, 5)
        return fake

    fake = asyncio.run(go())
    assert sorted(fake.reported) == ["0", "1", "2"]  # each ends once, with the result of its last attempt
    assert [question for question, _ in fake.asked] == ["0", "1", "2"]
