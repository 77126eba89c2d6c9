from __future__ import annotations

import asyncio
import functools
import time
from dataclasses import replace
from typing import Any

import pytest

from fanout import protocols
from fanout.coordinator.exchange import Ended, Labels, service_time_ms
from fanout.protocols import QUESTION_ID_HEADER, CoordinatorEnd, Question
from helpers.exchanges import LABELS, assert_adds_up, exchange_with, observed
from helpers.servers import ANSWER, Handle, answering, raw_server, read_request

JSON = "Content-Type: application/json"


async def ask(url: str, end: CoordinatorEnd | None = None, **client: Any) -> Ended:
    async with exchange_with([url], end, **client) as (exchange, _):
        return await exchange.ask(Question("q", "?"), LABELS)


def ask_server(handle: Handle, **client: Any) -> Ended:
    async def go() -> Ended:
        async with raw_server(handle) as url:
            return await ask(url, **client)

    return observed(go)


def test_an_ok_question_has_its_times_and_its_answer(four_agents: tuple[str, ...]) -> None:
    ended = observed(lambda: ask(four_agents[0]))
    outcome = ended.outcome
    assert (outcome.status, outcome.error, outcome.error_kind) == ("ok", None, None)
    assert (outcome.round, outcome.coordinator, outcome.agent, outcome.in_flight) == (1, 2, 1, 5)
    assert ended.answer == "agent-1 answers: ?"
    assert (ended.outcome.response_bytes or 0) > len("agent-1 answers: ?")
    assert (ended.outcome.request_bytes or 0) > 0
    assert outcome.round_trip_ms is not None and outcome.service_ms is not None
    assert outcome.adapter_ms == outcome.round_trip_ms - outcome.service_ms > 0
    assert outcome.service_ms >= 10
    assert (outcome.reused, outcome.connection) == (False, "2-1")


def test_a_redirect_is_a_failure_and_is_not_followed() -> None:
    followed = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        followed.append(writer.get_extra_info("peername"))

    async def go() -> Ended:
        async with raw_server(elsewhere) as target:
            redirect = answering(b"", status="302 Found", headers=f"Location: {target}/message")
            async with raw_server(redirect) as url:
                return await ask(url)

    outcome = observed(go).outcome
    assert (outcome.status, outcome.error_kind) == ("failed", "http_status")
    assert "HTTP 302 Found" in str(outcome.error)
    assert followed == []


def test_without_a_service_time_the_adapter_latency_is_not_known() -> None:
    outcome = ask_server(answering(ANSWER)).outcome
    assert outcome.status == "ok"
    assert outcome.round_trip_ms is not None
    assert outcome.service_ms is None and outcome.adapter_ms is None


async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("handle", "client", "kind", "words"),
    [
        (never, {"timeout_s": 0.1}, "read_timeout", "nothing received for 0.1 s"),
        (never, {"deadline_s": 0.1, "timeout_s": "none"}, "deadline", "within deadline_s, 0.1 s"),
        (drip, {"deadline_s": 0.2, "timeout_s": 0.1}, "deadline", "within deadline_s, 0.2 s"),
        (hang_up, {}, "connection_lost", "the response was cut off"),
        (answering(b"{}", status="503 Service Unavailable"), {}, "http_status", "HTTP 503 Service Unavailable: '{}'"),
        (answering(b"{}", status="302 Found"), {}, "http_status", "HTTP 302"),
        (
            answering(b"<p>", headers="Content-Type: text/html"),
            {},
            "bad_response",
            "expected application/json, got text/html",
        ),
        (answering(b"{}", headers="X-Nothing: 1"), {}, "bad_response", "expected application/json, got none"),
        (answering(b"{nope"), {}, "bad_response", "expected JSON, got '{nope'"),
        (answering(b"\xff\xfe\xfd"), {}, "bad_response", "expected JSON, got bytes that are not UTF-8: '\\\\xff"),
        (answering(b"[" * 100_000), {}, "bad_response", "expected JSON, got it nested more than 100 deep: '[["),
        (answering(b"[1]"), {}, "bad_response", "expected a JSON object, got '[1]'"),
        (answering(b"{}"), {}, "bad_response", "expected a list of events, got {}"),
        (answering(b"not gzip", headers=f"{JSON}\r\nContent-Encoding: gzip"), {}, "bad_response", "Error -3"),
    ],
)
def test_a_failure_has_a_kind_and_says_what_happened(
    handle: Handle, client: dict[str, Any], kind: str, words: str
) -> None:
    ended = ask_server(handle, **client)
    assert (ended.outcome.status, ended.outcome.error_kind) == ("failed", kind)
    assert words in (ended.outcome.error or "")
    assert ended.answer is None


def test_an_agent_that_is_not_there() -> None:
    async def go() -> Ended:
        async with raw_server(never) as url:
            pass
        return await ask(url)

    outcome = observed(go).outcome
    assert (outcome.status, outcome.error_kind, outcome.reused) == ("failed", "connect_failed", None)


def test_a_full_pool(four_agents: tuple[str, ...]) -> None:
    async def go() -> list[Ended]:
        limits: dict[str, Any] = {"limits": {"max_connections": 1}, "timeout_s": {"pool": 0.001}}
        async with exchange_with(four_agents, **limits) as (exchange, _):
            return await asyncio.gather(*(exchange.ask(Question(str(n), "?"), Labels(1, 1, n, 1)) for n in range(2)))

    first, second = (ended.outcome for ended in observed(go))
    assert first.status == "ok"
    assert (second.error_kind, second.error) == ("pool_timeout", "no free connection in the pool within 0.001 s")


def test_a_mistake_of_our_own_fails_the_question_and_nothing_else(four_agents: tuple[str, ...]) -> None:
    class Broken(CoordinatorEnd):
        def encode(self, question: Question) -> protocols.Message:
            raise ZeroDivisionError("oops")

        def decode(self, body: Any) -> str:
            raise NotImplementedError

    outcome = observed(lambda: ask(four_agents[0], Broken())).outcome
    assert (outcome.error_kind, outcome.error) == ("unexpected", "ZeroDivisionError: oops")


def test_what_an_agent_says_of_its_failure_is_short_and_fit_for_a_terminal() -> None:
    async def go(handle: Handle) -> Ended:
        async with raw_server(handle) as url:
            return await ask(url)

    hostile = answering(b"\x1b[2J" + b"x" * 5000, headers="Content-Type: \x1b]0;pwn\x07" + "y" * 5000)
    for handle in (hostile, answering(b"\x1b[2J", status="500 =cmd")):
        outcome = observed(functools.partial(go, handle)).outcome
        assert outcome.status == "failed" and outcome.error is not None
        assert "\\x1b" in outcome.error or "=cmd" in outcome.error
        assert outcome.error.isprintable() and outcome.error[0].isalpha() and len(outcome.error) <= 300


def test_the_answer_to_another_question_is_refused_and_its_connection_closed() -> None:
    """The agent sends two answers together, and httpx takes the second for the answer to the next question."""

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            await reader.readexactly(int(fields[b"content-length"]))
            answer = f"{JSON}\r\nContent-Length: {len(ANSWER)}\r\n{QUESTION_ID_HEADER}: ".encode()
            answer = (
                b"HTTP/1.1 200 OK\r\n" + answer + fields[QUESTION_ID_HEADER.lower().encode()] + b"\r\n\r\n" + ANSWER
            )
            writer.write(2 * answer)
            await writer.drain()

    async def go() -> tuple[list[Ended], int]:
        async with raw_server(twice) as url, exchange_with([url]) as (exchange, log):
            return [await exchange.ask(Question(name, "?"), LABELS) for name in ("a", "b", "c")], log.total.count[
                "opened"
            ]

    (first, second, third), opened = observed(go)
    assert (first.outcome.status, third.outcome.status) == ("ok", "ok")
    assert second.outcome.error == "expected the answer to question 'b', got that to 'a'"
    assert (second.outcome.error_kind, second.answer, opened) == ("bad_response", None, 2)


def test_a_response_that_is_too_large_is_cut_off() -> None:
    ended = ask_server(answering(b'"' + b"x" * 2000 + b'"'), max_response_bytes=1024)
    assert ended.outcome.error_kind == "too_large"
    assert ended.outcome.error == "the response is larger than max_response_bytes, 1024: it was cut off"
    assert ended.outcome.response_bytes is None


def test_a_cancelled_question_is_abandoned() -> None:
    async def go() -> Ended:
        async with raw_server(never) as url:
            task = asyncio.create_task(ask(url))
            await asyncio.sleep(0.05)
            task.cancel()
            return await task

    outcome = observed(go).outcome
    assert (outcome.status, outcome.error_kind) == ("abandoned", "stopped")
    assert outcome.round_trip_ms is not None and outcome.service_ms is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("service;dur=12.5", 12.5),
        ("event_queue;dur=0.1, service;dur=3", 3.0),
        ('service;desc="thinking";dur=7.25;x=1', 7.25),
        ("microservice;dur=9", None),
        ("service", None),
        ("service;dur=soon", None),
        ("service;dur=1.2.3", None),
        ("service;dur=1e3", 1000.0),
        ('service;dur="12.5"', 12.5),
        ("service; Dur=5", 5.0),
        ("service ;dur = 5", 5.0),
        ('x;desc="q, service;dur=9",service;dur=2', 2.0),
        ('service;desc="a, b; c";dur=4', 4.0),
        ("service;dur=" + "9" * 400, None),
        ("service;dur=-1", None),
        ("service;duration=3", None),
        ("service;dur=1e13", None),
        ("service;dur=2;" + "a" * 4096, None),
        ('"' + '\\"' * 50_000, None),
        ("service" + ";" * 50_000, None),
        ("", None),
    ],
)
def test_service_time_is_read_from_server_timing(header: str, expected: float | None) -> None:
    assert service_time_ms({"server-timing": header}) == expected


def test_a_late_question_has_its_latency_from_its_intended_start(four_agents: tuple[str, ...]) -> None:
    async def go() -> tuple[Ended, float]:
        async with exchange_with(four_agents) as (exchange, _):
            due = replace(LABELS, due=time.perf_counter() - 0.3)
            return await exchange.ask(Question("q", "?"), due), time.time()

    ended, now = observed(go)
    assert_adds_up(ended.outcome)
    assert ended.outcome.phases_ms is not None and ended.outcome.phases_ms["late"] >= 300
    assert (ended.outcome.adapter_ms or 0) >= 300
    assert now - (ended.outcome.started or 0) >= 0.3


def test_a_question_is_not_sent_after_its_deadline(four_agents: tuple[str, ...]) -> None:
    async def go() -> Ended:
        async with exchange_with(four_agents, deadline_s=0.5, timeout_s=0.5) as (exchange, _):
            return await exchange.ask(Question("q", "?"), replace(LABELS, due=time.perf_counter() - 0.6))

    outcome = observed(go).outcome
    assert (outcome.status, outcome.error_kind, outcome.connection) == ("failed", "not_started", None)
    assert outcome.is_failure_of_client and not outcome.is_failure_of_agent
    assert outcome.phases_ms is not None and outcome.phases_ms["late"] >= 600
