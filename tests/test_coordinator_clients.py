from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from fanout.coordinator.body import json_object, read_body
from fanout.coordinator.clients import ConnectError, ReadTimeoutError, make_clients
from fanout.coordinator.clients.libraries.httpx import LIBRARY
from fanout.errors import CouldNotRunError, UsageError
from fanout.scenario import ClientSettings, Limits, Timeouts
from fanout.scenario.topology import TOPOLOGIES
from helpers.scenarios import scenario_of

ADDRESSES = ["http://localhost:1", "http://localhost:2", "http://localhost:3"]


def info_of(**keys: Any) -> dict[str, Any]:
    async def go() -> dict[str, Any]:
        clients = make_clients(scenario_of(client=keys).client, ADDRESSES, "/message")
        try:
            return asdict(clients.info)
        finally:
            await clients.close()

    return asyncio.run(go())


def test_left_out_is_what_httpx_does_by_itself() -> None:
    async def go() -> dict[str, float | None]:
        async with httpx.AsyncClient() as client:
            assert client.timeout.as_dict() == ClientSettings().timeouts().model_dump()
            limits = LIBRARY.effective_limits(client)
            assert limits is not None
            return asdict(limits)

    assert asyncio.run(go()) == Limits().model_dump() == info_of()["limits"]


@pytest.mark.parametrize(("topology", "count"), [("shared", 1), ("per_agent", 3)])
def test_the_limits_and_timeouts_asked_for_are_those_in_effect(
    topology: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    limits = {"max_connections": 7, "max_keepalive_connections": 3, "keepalive_expiry_s": 1.5}
    timeouts = {"connect": 1.0, "read": 2.0, "write": 3.0, "pool": 4.0}
    found = info_of(topology=topology, limits=limits, timeout_s=timeouts, trust_env=True)
    assert found.pop("made_in_ms") > 0
    assert found == {
        "library": "httpx",
        "unknown_phases": (),
        "topology": topology,
        "clients": count,
        "limits": limits,
        "timeout_s": timeouts,
        "trust_env": True,
        "proxies": (),
        "ignored_no_proxy": (),
    }


@pytest.mark.parametrize("topology", ["shared", "per_agent"])
@pytest.mark.parametrize("trust_env", [False, True])
def test_an_address_that_httpx_can_t_use_is_blamed_on_no_proxy(topology: str, trust_env: bool) -> None:
    client = scenario_of(client={"topology": topology, "trust_env": trust_env}).client
    with pytest.raises(UsageError, match=r"^agents: http://xn--\.com: httpx can't use this address: .*; correct it$"):
        make_clients(client, ["http://xn--.com"], "/message", allow_remote=True)


@pytest.mark.parametrize("proxy", ["foo://127.0.0.1:1", "socks5://127.0.0.1:1"])
def test_a_proxy_that_httpx_can_t_use_is_reported(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(CouldNotRunError, match=r"httpx can't create a client: ALL_PROXY "):
        info_of(trust_env=True)
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert "all" in info_of(trust_env=True)["proxies"]
    assert info_of(trust_env=False)["proxies"] == ()


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("NO_PROXY", "[::1]"),
        ("no_proxy", "good.example,[::1]:80"),
        ("NO_PROXY", "a, b:port"),
        ("no_proxy", "[fe80::1]"),
    ],
)
def test_an_entry_of_no_proxy_that_httpx_can_t_use_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, entry: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:secret@127.0.0.1:1")
    monkeypatch.setenv(name, entry)
    wrong = entry.rpartition(",")[2].strip()
    with pytest.raises(CouldNotRunError) as caught:
        info_of(trust_env=True)
    assert f"{name} has the entry {wrong!r}" in str(caught.value) and "secret" not in str(caught.value)


def test_entries_of_no_proxy_that_match_nothing_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost,10.0.0.0/8,127.0.0.1/32,*.example.com,.example.com,::1")
    assert info_of(trust_env=True)["ignored_no_proxy"] == ("10.0.0.0/8", "*.example.com")
    assert info_of(trust_env=False)["ignored_no_proxy"] == ()


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_certificates_that_cannot_be_loaded_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(CouldNotRunError, match=rf"SSL_CERT_FILE={file}: "):
        info_of(trust_env=True)
    assert info_of(trust_env=False)


@pytest.mark.parametrize(
    ("environment", "allowed"),
    [
        ({"ALL_PROXY": "http://me:secret@10.0.0.9:3128"}, False),
        ({"HTTP_PROXY": "http://proxy.example"}, False),
        ({"HTTPS_PROXY": "http://10.0.0.9:3128"}, True),  # the agents use HTTP
        ({"ALL_PROXY": "http://10.0.0.9:3128", "NO_PROXY": "localhost"}, True),
        ({"ALL_PROXY": "http://10.0.0.9:3128", "NO_PROXY": "example.org"}, False),
        ({"ALL_PROXY": "http://[::1]:3128"}, True),
    ],
)
@pytest.mark.parametrize("topology", ["shared", "per_agent"])
def test_a_proxy_elsewhere_has_to_be_allowed(
    monkeypatch: pytest.MonkeyPatch, topology: str, environment: dict[str, str], allowed: bool
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = scenario_of(client={"trust_env": True, "topology": topology}).client
    make_clients(client, ADDRESSES, "/message", allow_remote=True)
    make_clients(client.model_copy(update={"trust_env": False}), ADDRESSES, "/message")
    if allowed:
        make_clients(client, ADDRESSES, "/message")
        return
    with pytest.raises(UsageError, match=r"through a proxy on another machine, http://[^ ]*; allowed: ") as refused:
        make_clients(client, ADDRESSES, "/message")
    assert "secret" not in str(refused.value) and "@" not in str(refused.value)


@pytest.mark.parametrize(
    ("topology", "tls_context", "count"),
    [("per_agent", "shared", 1), ("per_agent", "per_client", 3), ("per_question", "per_client", 1)],
)
def test_tls_contexts_are_built_as_often_as_asked_for(
    monkeypatch: pytest.MonkeyPatch, topology: str, tls_context: str, count: int
) -> None:
    built = []
    real = httpx.create_ssl_context

    def counted(**keys: Any) -> ssl.SSLContext:
        built.append(keys)
        return real(**keys)

    monkeypatch.setattr(httpx, "create_ssl_context", counted)
    info_of(topology=topology, tls_context=tls_context)
    assert len(built) == count


def test_unlimited_is_no_number() -> None:
    words = {
        "max_connections": "unlimited",
        "max_keepalive_connections": "unlimited",
        "keepalive_expiry_s": "unlimited",
    }
    found = info_of(limits=words, timeout_s="none")
    assert set(found["limits"].values()) == {None}
    assert found["timeout_s"] == dict.fromkeys(Timeouts.model_fields)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_each_agent_gets_its_own_requests(topology: str, four_agents: tuple[str, ...]) -> None:
    async def go() -> list[str]:
        settings = ClientSettings(topology=topology, shards=2)
        clients = make_clients(settings, four_agents, "/message")
        body = b'{"params":{"message":{"parts":[{"text":"who?"}]}}}'
        answers = []
        for agent in (2, 0, 3):
            response = await clients.send(agent, "POST", body, {"Content-Type": "application/json"}, None)
            answers.append(json_object(await read_body(response, 1000))["events"][0]["parts"][0]["text"])
            await response.close()
        await clients.close()
        return answers

    assert asyncio.run(go()) == [f"agent-{n} answers: who?" for n in (3, 1, 4)]


WHO = b'{"params":{"message":{"parts":[{"text":"who?"}]}}}'


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_agents_below_paths_of_one_origin_share_its_connections(topology: str, four_agents: tuple[str, ...]) -> None:
    async def go() -> list[object]:
        addresses = [f"{four_agents[0]}/agents/{name}" for name in ("a", "b/c", "d%20e")]
        clients = make_clients(ClientSettings(topology=topology, shards=2), addresses, "/message")
        streams = []
        for agent in (0, 1, 2):
            response = await clients.send(agent, "POST", WHO, {"Content-Type": "application/json"}, None)
            assert (response.status, response.url) == (200, f"{addresses[agent]}/message")
            await read_body(response, 1000)
            await response.close()
            streams.append(response.stream)
        await clients.close()
        return streams

    assert len(set(asyncio.run(go()))) == {"shared": 1, "sharded": 2}.get(topology, 3)


def test_a_client_of_one_question_is_closed_with_it(four_agents: tuple[str, ...]) -> None:
    closed: list[bool] = []

    async def go() -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            closed.append(await reader.read() is not None)
            writer.close()

        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        clients = make_clients(
            ClientSettings(topology="per_question", timeout_s=0.1), [f"http://127.0.0.1:{port}"], "/message"
        )
        for _ in range(3):
            with pytest.raises(ReadTimeoutError):
                await clients.send(0, "POST", WHO, {}, None)
        with anyio.move_on_after(0.05):  # a question whose deadline expires
            await clients.send(0, "POST", WHO, {}, None)
        while len(closed) < 4:
            await asyncio.sleep(0.01)
        await clients.close()
        server.close()

    asyncio.run(asyncio.wait_for(go(), 5))


@pytest.mark.parametrize("retries", [0, 2])
def test_a_client_tries_to_connect_again_as_often_as_it_should(retries: int) -> None:
    attempts: list[int] = []

    async def go() -> None:
        clients = make_clients(ClientSettings(retries=retries), ["http://127.0.0.1:1"], "/")
        assert clients.info.limits == make_clients(ClientSettings(), ["http://127.0.0.1:1"], "/").info.limits
        loop = asyncio.get_running_loop()
        connect = loop.sock_connect

        async def counted(sock: socket.socket, address: Any) -> None:
            attempts.append(1)
            await connect(sock, address)

        loop.sock_connect = counted  # type: ignore[method-assign]
        with pytest.raises(ConnectError):
            await clients.send(0, "POST", WHO, {}, None)
        await clients.close()

    asyncio.run(go())
    assert len(attempts) == retries + 1
