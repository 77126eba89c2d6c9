"""Tests fanout.coordinator.tracing on real sockets: phases add up, and the time is in the phase that took it."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme

from fanout.coordinator.blocking import BlockingCalls
from fanout.coordinator.connections import ConnectionLog
from fanout.coordinator.event_loop import ObservedLoop
from fanout.coordinator.exchange import Labels
from fanout.coordinator.lookups import Lookups
from fanout.coordinator.tracing import PhaseClock, Trip
from fanout.outcome import Outcome
from fanout.phases import PHASES, Phase
from fanout.protocols import Question
from helpers.exchanges import LABELS, assert_adds_up, exchange_with, observed
from helpers.servers import agent, raw_server

SLOW_S = 0.15


def happened(phases: dict[str, float]) -> set[str]:
    return {phase for phase, spent in phases.items() if spent > 0}


def ask_twice(address: str, **options: Any) -> Callable[[], Awaitable[list[Outcome]]]:
    async def go() -> list[Outcome]:
        async with exchange_with([address], **options) as (exchange, _):
            return [(await exchange.ask(Question(str(number), "?"), LABELS)).outcome for number in range(2)]

    return go


def test_a_new_connection_and_a_reused_one() -> None:
    async def go() -> list[Outcome]:
        async with raw_server(agent()) as url:
            return await ask_twice(url)()

    new, reused = observed(go)
    always = {"encode", "blocked", "sending", "waiting", "receiving", "decode"}
    assert (new.reused, reused.reused) == (False, True)
    assert happened(assert_adds_up(new)) == {*always, "connecting"}
    assert happened(assert_adds_up(reused)) == always
    assert new.service_ms is not None and new.service_ms >= 50
    assert new.round_trip_ms is not None and new.adapter_ms == new.round_trip_ms - new.service_ms


def test_a_slow_body_is_receiving() -> None:
    async def go() -> list[Outcome]:
        async with raw_server(agent(before_body_s=2 * SLOW_S)) as url:
            return await ask_twice(url)()

    for outcome in observed(go):
        assert assert_adds_up(outcome)["receiving"] >= SLOW_S * 1000 - 1  # half: the headers may be read late


@pytest.fixture
def slow_lookups(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def slow(*args: Any, **hints: Any) -> Any:
        time.sleep(SLOW_S)
        return real(*args, **hints)

    monkeypatch.setattr(socket, "getaddrinfo", slow)


@pytest.mark.usefixtures("slow_lookups")
def test_a_name_to_resolve() -> None:
    async def go() -> list[Outcome]:
        async with raw_server(agent()) as url:
            return await ask_twice(url.replace("127.0.0.1", "localhost"))()

    new, reused = observed(go)
    phases = assert_adds_up(new)
    assert phases["resolving"] >= SLOW_S * 1000 - 1
    assert phases["connecting"] > 0
    assert assert_adds_up(reused)["resolving"] == 0


@pytest.mark.usefixtures("slow_lookups")
def test_a_name_that_can_t_be_resolved() -> None:
    (outcome, _) = observed(ask_twice("http://nobody.invalid:1"))
    assert outcome.error_kind == "connect_failed"
    assert assert_adds_up(outcome)["resolving"] >= SLOW_S * 1000 - 1


def test_a_lookup_that_waits_for_the_executor_is_resolving() -> None:
    async def go() -> list[Outcome]:
        over = threading.Event()
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, over.wait)
        address = "localhost"
        async with raw_server(agent()) as url, exchange_with([url.replace("127.0.0.1", address)]) as (exchange, _):
            loop.call_later(2 * SLOW_S, over.set)
            return [(await exchange.ask(Question(str(number), "?"), LABELS)).outcome for number in range(2)]

    def one_thread() -> ObservedLoop:
        loop = ObservedLoop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        return loop

    new, _ = observed(go, one_thread)
    assert assert_adds_up(new)["resolving"] >= SLOW_S * 1000


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    authority = trustme.CA()
    ca_file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, ca_file


def test_tls(tls_server: tuple[ssl.SSLContext, Path]) -> None:
    context, ca_file = tls_server

    async def go() -> list[Outcome]:
        async with raw_server(agent(), tls=context) as url:
            return await ask_twice(url, ca_file=ca_file)()

    new, reused = observed(go)
    assert (new.status, reused.reused, new.connection, reused.connection) == ("ok", True, "2-1", "2-1")
    phases = assert_adds_up(new)
    assert phases["tls_handshaking"] > 0 and phases["connecting"] > 0
    assert assert_adds_up(reused)["tls_handshaking"] == 0


def test_tls_through_a_proxy_s_tunnel(tls_server: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    context, ca_file = tls_server
    waits: list[str] = []

    async def go() -> tuple[list[Outcome], BlockingCalls]:
        async with raw_server(agent(), tls=context) as url:
            port = int(url.rpartition(":")[2])

            async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(SLOW_S)
                waits.append("asked")
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                try:
                    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
                finally:
                    far_writer.close()

            async with raw_server(tunnel) as proxy:
                monkeypatch.setenv("HTTPS_PROXY", proxy)
                monkeypatch.setenv("NO_PROXY", "")
                calls = BlockingCalls()
                return await ask_twice(url, ca_file=ca_file, trust_env=True, calls=calls)(), calls

    (new, reused), calls = observed(go)
    assert (new.status, reused.reused, len(waits), calls.made) == ("ok", True, 1, 2)
    phases = assert_adds_up(new)
    assert phases["connecting"] >= SLOW_S * 1000 - 1  # this includes asking the proxy
    assert phases["tls_handshaking"] > 0
    assert happened(assert_adds_up(reused)) == {"encode", "blocked", "sending", "waiting", "receiving", "decode"}


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


def test_a_handshake_that_is_cancelled_leaves_the_pool(tls_server: tuple[ssl.SSLContext, Path]) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def go() -> tuple[Outcome, dict[str, int]]:
        async with raw_server(silent) as url:
            https = url.replace("http:", "https:")
            async with exchange_with([https], deadline_s=4 * SLOW_S) as (exchange, log):
                outcome = (await exchange.ask(Question("q", "?"), LABELS)).outcome
                assert log.total.in_pool == 0
                return outcome, dict(log.total.count)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # httpcore drops the socket without closing it
        outcome, counted = observed(go)
        gc.collect()
    assert outcome.error_kind == "deadline"
    phases = assert_adds_up(outcome)
    assert phases["tls_handshaking"] >= SLOW_S * 1000 / 2
    assert "sending" not in happened(phases)
    assert (counted["opened"], counted["closed_by_us"], counted["open"]) == (1, 1, 0)


def test_a_certificate_that_is_not_trusted(tls_server: tuple[ssl.SSLContext, Path]) -> None:
    async def go() -> list[Outcome]:
        async with raw_server(agent(), tls=tls_server[0]) as url:
            return await ask_twice(url)()

    outcome, _ = observed(go)
    assert outcome.error_kind == "connect_failed"
    assert assert_adds_up(outcome)["tls_handshaking"] > 0


async def ask_both(url: str, **client: Any) -> list[Outcome]:
    """Two concurrent questions, through a pool with room for one connection."""
    limits = {"max_connections": 1, "max_keepalive_connections": 1}
    async with exchange_with([url], limits=limits, **client) as (exchange, _):
        asked = [exchange.ask(Question(str(n), "?"), Labels(1, 1, 0, 1)) for n in range(2)]
        return [ended.outcome for ended in await asyncio.gather(*asked)]


def test_a_full_pool() -> None:
    async def go() -> list[Outcome]:
        async with raw_server(agent(service_ms=2 * SLOW_S * 1000)) as url:
            return await ask_both(url)

    first, second = observed(go)
    assert_adds_up(first)
    assert assert_adds_up(second)["blocked"] >= SLOW_S * 1000
    assert (second.reused, second.connection) == (True, "2-1")


def test_a_pool_that_stays_full() -> None:
    async def go() -> list[Outcome]:
        async with raw_server(agent(service_ms=3 * SLOW_S * 1000)) as url:
            return await ask_both(url, timeout_s={"pool": SLOW_S})

    _, second = observed(go)
    assert second.error_kind == "pool_timeout"
    phases = assert_adds_up(second)
    assert phases["blocked"] >= SLOW_S * 1000 - 1
    assert happened(phases) == {"encode", "blocked"}


def test_a_failed_connect() -> None:
    async def go() -> list[Outcome]:
        async with raw_server(agent()) as url:
            pass
        return await ask_twice(url)()

    for outcome in observed(go):
        assert outcome.error_kind == "connect_failed"
        assert happened(assert_adds_up(outcome)) == {"encode", "blocked", "connecting"}


def test_a_timeout() -> None:
    async def go() -> list[Outcome]:
        async with raw_server(agent(service_ms=10_000)) as url:
            return await ask_twice(url, timeout_s=SLOW_S)()

    for outcome in observed(go):
        assert (outcome.error_kind, outcome.service_ms, outcome.adapter_ms) == ("read_timeout", None, None)
        assert assert_adds_up(outcome)["waiting"] >= SLOW_S * 1000 - 1


def test_an_agent_that_answers_before_it_has_read_all() -> None:
    async def early(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async def go() -> list[Outcome]:
        async with raw_server(early) as url:
            return await ask_twice(url)()

    for outcome in observed(go):
        assert outcome.status == "failed"
        assert_adds_up(outcome)


def test_unobserved_there_are_no_phases() -> None:
    async def go() -> list[Outcome]:
        async with raw_server(agent()) as url:
            return await ask_twice(url, watched=False)()

    for outcome in observed(go):
        assert outcome.status == "ok" and outcome.adapter_ms
        assert outcome.phases_ms is None
        assert (outcome.reused, outcome.connection) == (None, None)


def test_sending_ended_before_the_agent_could_begin() -> None:
    clock = PhaseClock()
    clock.enter("sending")
    time.sleep(0.02)  # the loop is blocked; meanwhile the request has been sent, and the agent is working on it
    clock.enter("waiting")
    clock.enter("decode")
    whole = clock.stop()
    phases = clock.spent_ms(service_ms=15)
    assert phases["waiting"] == 0
    assert 4 < phases["sending"] <= whole - 15
    assert sum(phases.values()) == pytest.approx(whole - 15)


def test_a_service_time_that_can_t_be_is_not_hidden() -> None:
    clock = PhaseClock()
    clock.enter("sending")
    clock.enter("waiting")
    clock.enter("decode")
    whole = clock.stop()
    phases = clock.spent_ms(service_ms=500)
    assert phases["sending"] < 0
    assert sum(phases.values()) == pytest.approx(whole - 500)


def test_every_phase_begins_at_a_step() -> None:
    entered: set[str] = set()

    class Clock(PhaseClock):
        def enter(self, phase: Phase) -> None:
            entered.add(phase)
            super().enter(phase)

    trip = Trip(ConnectionLog(1, ["http://127.0.0.1:1"]), Lookups(), 0, None)
    trip.clock = Clock()
    trip.queued()
    trip.connecting()
    trip.lookup_began()
    trip.lookup_ended("cancelled")
    trip.handshaking()
    trip.sending()
    trip.sent()
    trip.receiving()
    trip.answered(None, 0)
    assert entered | {"late", "encode"} == set(PHASES)  # a question begins in these
