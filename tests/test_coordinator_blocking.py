from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from fanout.coordinator.blocking import BlockingCalls
from fanout.protocols import Question
from fanout.runs.schema import ExecutorUse
from helpers.exchanges import LABELS, exchange_with, observed
from helpers.servers import agent, raw_server


async def with_threads(count: int) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(count))


async def free_thread(within_s: float) -> bool:
    """Whether the default executor has a free thread."""
    work = asyncio.get_running_loop().run_in_executor(None, lambda: True)
    done, _ = await asyncio.wait([work], timeout=within_s)
    return bool(done)


def test_calls_hold_their_threads_until_they_are_released() -> None:
    async def go() -> BlockingCalls:
        await with_threads(2)
        calls = BlockingCalls()
        releases = [calls.begin() for _ in range(3)]
        assert not await free_thread(within_s=0.05)
        for release in releases:
            release()
        assert await free_thread(within_s=5)
        return calls

    assert observed(go).use_of(8) == ExecutorUse(threads=8, blocking_calls=3, max_busy_threads=2)


def test_a_call_that_is_released_in_the_queue_never_holds_one() -> None:
    async def go() -> BlockingCalls:
        await with_threads(1)
        calls = BlockingCalls()
        first, second = calls.begin(), calls.begin()
        second()
        first()
        assert await free_thread(within_s=5)
        return calls

    assert observed(go).max_busy == 1


def test_a_question_holds_a_thread_from_sent_to_answered() -> None:
    async def go() -> BlockingCalls:
        await with_threads(1)
        calls = BlockingCalls()
        async with raw_server(agent(service_ms=100)) as url, exchange_with([url], calls=calls) as (exchange, _):
            assert await free_thread(within_s=5)
            asked = asyncio.create_task(exchange.ask(Question("q", "?"), LABELS))
            while not calls.made:
                await asyncio.sleep(0.001)
            assert not await free_thread(within_s=0.02)
            await asked
            assert await free_thread(within_s=5)
        return calls

    assert observed(go).use_of(8) == ExecutorUse(threads=8, blocking_calls=1, max_busy_threads=1)


def test_a_question_that_fails_releases_its_thread() -> None:
    async def go() -> bool:
        await with_threads(1)
        calls = BlockingCalls()
        async with raw_server(agent(service_ms=10_000)) as url:
            async with exchange_with([url], calls=calls, timeout_s=0.1) as (exchange, _):
                assert (await exchange.ask(Question("q", "?"), LABELS)).outcome.error_kind == "read_timeout"
            return await free_thread(within_s=5)

    assert observed(go)
