"""Tests fanout.coordinator.connections with questions on real sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest

from fanout.coordinator.connections import ConnectionLog
from fanout.coordinator.exchange import Labels
from fanout.outcome import Outcome
from fanout.protocols import Question
from fanout.runs.schema import AgentConnections
from helpers.exchanges import LABELS, exchange_with, observed
from helpers.servers import ANSWER, Handle, answering, raw_server, read_request


async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers, and keeps the connection open."""
    while True:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER))
        writer.write(ANSWER)
        await writer.drain()


async def answer_once_and_vanish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Announces keep-alive, but closes the connection."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER))
    writer.write(ANSWER)
    await writer.drain()


def asked(handle: Handle, questions: int = 3, **client: Any) -> tuple[list[Outcome], dict[str, int]]:
    """Asks one agent consecutive questions; returns the outcomes, and the counters before the clients are closed."""

    async def go() -> tuple[list[Outcome], dict[str, int]]:
        async with raw_server(handle) as url, exchange_with([url], **client) as (exchange, log):
            outcomes = []
            for number in range(questions):
                log.begin(0)
                outcomes.append((await exchange.ask(Question(str(number), "?"), LABELS)).outcome)
                log.end(0, reused=outcomes[-1].reused)
                await asyncio.sleep(0.02)
            (of_agent,) = log.by_agent()
            assert of_agent == AgentConnections(agent=1, **log.total.count)  # there is only one agent
            return outcomes, dict(log.total.count)

    return observed(go)


def counts(opened: int, reused: int, by_us: int, by_peer: int, **more: int) -> dict[str, int]:
    return {
        "opened": opened,
        "not_opened": 0,
        "reused": reused,
        "closed_by_us": by_us,
        "closed_by_peer": by_peer,
        "closes_announced": 0,
        "closed_by_http_1_0": 0,
        "open": opened - by_us - by_peer,
        "elsewhere": 0,
        "max_in_flight": 1,
        "max_in_pool": 1,
        **more,
    }


def test_a_connection_that_is_kept_is_opened_once() -> None:
    outcomes, counted = asked(keep)
    assert [(o.reused, o.connection) for o in outcomes] == [(False, "2-1"), (True, "2-1"), (True, "2-1")]
    assert counted == counts(1, 2, 0, 0)


def test_what_we_do_not_keep_we_close() -> None:
    outcomes, counted = asked(keep, limits={"max_keepalive_connections": 0})
    assert [(o.reused, o.connection) for o in outcomes] == [(False, "2-1"), (False, "2-2"), (False, "2-3")]
    assert counted == counts(3, 0, 3, 0)


def test_what_expires_is_closed_by_us() -> None:
    assert asked(keep, limits={"keepalive_expiry_s": 0.01})[1] == counts(3, 0, 2, 0)


def test_connection_close_counts_as_the_peer_s_even_if_we_close_first() -> None:
    assert asked(answering(ANSWER))[1] == counts(3, 0, 0, 3, closes_announced=3)

    async def http_1_0(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + ANSWER)
        await writer.drain()

    assert asked(http_1_0)[1] == counts(3, 0, 0, 3, closes_announced=3, closed_by_http_1_0=3)


def test_an_idle_connection_that_vanished_was_closed_by_the_peer() -> None:
    outcomes, counted = asked(answer_once_and_vanish)
    assert [o.reused for o in outcomes] == [False, False, False]
    assert (counted["opened"], counted["closed_by_us"]) == (3, 0)
    assert counted["closed_by_peer"] >= 2  # the client has not noticed the last close yet
    assert counted["closes_announced"] == 0


def test_a_reused_connection_is_known_even_if_no_response_came() -> None:
    async def first_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer_once_and_vanish(reader, writer)
        await asyncio.sleep(10)

    outcomes, counted = asked(first_only, questions=2, timeout_s=0.2)
    assert [(o.status, o.reused, o.connection) for o in outcomes] == [("ok", False, "2-1"), ("failed", True, "2-1")]
    assert counted == counts(1, 1, 1, 0)


def test_a_connection_that_is_reset_at_once_is_opened_and_closed_by_the_peer() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    outcomes, counted = asked(reset, questions=20)
    assert {(o.status, o.error_kind) for o in outcomes} == {("failed", "connection_lost")}
    assert (counted["opened"], counted["closed_by_peer"], counted["max_in_pool"]) == (20, 20, 1)


def test_a_connection_that_was_not_made_leaves_the_pool() -> None:
    async def go() -> dict[str, int]:
        async with raw_server(keep) as url:
            pass
        async with exchange_with([url]) as (exchange, log):
            for _ in range(2):
                assert (await exchange.ask(Question("q", "?"), LABELS)).outcome.reused is None
            assert log.total.in_pool == 0
            return dict(log.total.count)

    assert observed(go) == counts(0, 0, 0, 0, not_opened=2, max_in_flight=0)


def test_connections_to_many_agents_are_counted_by_agent(four_agents: tuple[str, ...]) -> None:
    async def go() -> ConnectionLog:
        async with exchange_with(four_agents) as (exchange, log):
            for agent in (0, 1, 1, 3):
                await exchange.ask(Question("q", "?"), Labels(1, 2, agent, 1))
            return log

    log = observed(go)
    assert [agent.opened for agent in log.by_agent()] == [1, 1, 0, 1]
    assert (log.counts().opened, log.counts().max_in_pool) == (3, 3)


@pytest.mark.parametrize("bypassed", [False, True])
def test_a_proxy_shows(four_agents: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, bypassed: bool) -> None:
    async def go() -> dict[str, int]:
        async with raw_server(answering(ANSWER)) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy)
            monkeypatch.setenv("NO_PROXY", "localhost" if bypassed else "")
            async with exchange_with(four_agents, trust_env=True) as (exchange, log):
                assert (await exchange.ask(Question("q", "?"), LABELS)).outcome.status == "ok"
                return dict(log.total.count)

    assert observed(go)["elsewhere"] == (0 if bypassed else 1)


def test_what_is_opened_for_no_question_is_not_counted(four_agents: tuple[str, ...]) -> None:
    async def go() -> int:
        async with exchange_with(four_agents) as (_, log), httpx.AsyncClient(trust_env=False) as client:
            await client.get(f"{four_agents[0]}/health")
            return log.total.count["opened"]

    assert observed(go) == 0
