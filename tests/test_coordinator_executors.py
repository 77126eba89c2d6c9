from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fanout.coordinator.event_loop import ObservedLoop
from fanout.coordinator.executors import default_threads, new_loop, threads_of
from fanout.scenario import CoordinatorSettings
from helpers.exchanges import observed


def settings(**keys: Any) -> CoordinatorSettings:
    return CoordinatorSettings.model_validate(keys)


def test_the_default_number_of_threads_is_asyncio_s() -> None:
    async def go() -> int:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, int)
        return int(loop._default_executor._max_workers)  # type: ignore[attr-defined]

    assert observed(go) == default_threads()


def test_the_default_executor_has_the_threads_asked_for() -> None:
    async def go() -> set[int]:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, int)
        return {loop._default_executor._max_workers}  # type: ignore[attr-defined]

    asked = settings(executor={"threads": 3})
    loop = new_loop(asked, observed=True)
    try:
        assert loop.run_until_complete(go()) == {threads_of(asked)} == {3}
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


@pytest.mark.parametrize(("resolver", "own"), [("default", False), ("own_executor", True)])
def test_the_resolver_has_threads_of_its_own_if_asked_for(resolver: str, own: bool) -> None:
    loop = new_loop(settings(resolver=resolver), observed=True)
    assert isinstance(loop, ObservedLoop)
    assert isinstance(loop.resolver, ThreadPoolExecutor) == own
    loop.close()


def test_unobserved_it_is_asyncio_s_own_loop() -> None:
    loop = new_loop(settings(), observed=False)
    assert type(loop) is asyncio.SelectorEventLoop
    loop.close()
