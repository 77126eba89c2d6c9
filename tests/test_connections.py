from __future__ import annotations

import asyncio

import httpx
from conftest import answering, raw_server

from fanout.connections import ConnectionLog, Watch


def test_opened_and_reused_connections_are_told_apart(four_agents: tuple[str, ...]) -> None:
    async def go() -> list[tuple[bool | None, str | None]]:
        log, seen = ConnectionLog(coordinator=3), []
        async with httpx.AsyncClient(trust_env=False) as client:
            for agent in (0, 0, 1, 0):
                watch = Watch(log)
                response = await client.get(f"{four_agents[agent]}/health", extensions={"trace": watch})
                seen.append((watch.reused, watch.connection(response.extensions["network_stream"])))
        assert log.opened == 2
        return seen

    assert asyncio.run(go()) == [(False, "3-1"), (True, "3-1"), (False, "3-2"), (True, "3-1")]


def test_a_server_that_closes_gets_a_new_connection_each_time() -> None:
    async def go() -> int:
        log = ConnectionLog(coordinator=1)
        async with raw_server(answering(b"{}")) as url, httpx.AsyncClient(trust_env=False) as client:
            for _ in range(3):
                await client.post(url, content=b"x", extensions={"trace": Watch(log)})
        return log.opened

    assert asyncio.run(go()) == 3


def test_a_request_that_never_had_a_connection_knows_of_none() -> None:
    async def go() -> Watch:
        watch = Watch(ConnectionLog(coordinator=1))
        async with raw_server(answering(b"{}")) as url:
            pass  # closed again: nobody listens there now
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                await client.post(url, extensions={"trace": watch})
            except httpx.ConnectError:
                return watch
        raise AssertionError("connected to a closed port")

    watch = asyncio.run(go())
    assert (watch.reused, watch.connection()) == (None, None)
