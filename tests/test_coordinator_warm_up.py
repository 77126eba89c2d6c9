from __future__ import annotations

import asyncio
import sys

import pytest

from fanout import protocols
from fanout.coordinator.warm_up import warm_up
from fanout.errors import ExitCode
from fanout.protocols import CoordinatorEnd, Message, Question
from helpers.networks import needs_networks, run_with_few_ports


@pytest.mark.parametrize("name", protocols.names())
def test_it_asks_nobody_else_and_leaves_nothing_behind(name: str) -> None:
    end = protocols.load(name).coordinator()
    encoded: list[Question] = []

    class Watched(CoordinatorEnd):
        def encode(self, question: Question) -> Message:
            encoded.append(question)
            return end.encode(question)

        def decode(self, body: object) -> str:
            raise NotImplementedError

    async def go() -> None:
        await warm_up(Watched())
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(go())
    assert {question.id for question in encoded} == {"warm-up"}


@pytest.mark.process
@needs_networks
def test_a_machine_without_enough_ports_is_one_line() -> None:
    ask = ["-m", "fanout.coordinator", "scenarios/base.yaml", "--agents", "http://127.0.0.1:9", "--rounds", "1"]
    done = run_with_few_ports([sys.executable, *ask], first=40000, last=40023)
    assert done.returncode == ExitCode.NO_DATA
    (line,) = done.stderr.splitlines()
    assert "no free local port" in line
