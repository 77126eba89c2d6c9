from __future__ import annotations

import asyncio

import pytest

from fanout import protocols
from fanout.coordinator.warm_up import warm_up
from fanout.protocols import CoordinatorEnd, Message, Question


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
