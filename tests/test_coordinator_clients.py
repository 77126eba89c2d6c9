from __future__ import annotations

import asyncio
import ssl
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from fanout.coordinator.body import json_object, read_body
from fanout.coordinator.clients import make_clients
from fanout.coordinator.clients._httpx import effective_limits
from fanout.errors import CouldNotRunError, UsageError
from fanout.scenario import ClientSettings, Limits, Timeouts
from fanout.scenario.topology import TOPOLOGIES, Topology
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
            return asdict(effective_limits(client))

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


@pytest.mark.parametrize(("tls_context", "count"), [("shared", 1), ("per_client", 3)])
def test_tls_contexts_are_built_as_often_as_asked_for(
    monkeypatch: pytest.MonkeyPatch, tls_context: str, count: int
) -> None:
    built = []
    real = httpx.create_ssl_context

    def counted(**keys: Any) -> ssl.SSLContext:
        built.append(keys)
        return real(**keys)

    monkeypatch.setattr(httpx, "create_ssl_context", counted)
    info_of(topology="per_agent", tls_context=tls_context)
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


@pytest.mark.parametrize("topology", [*TOPOLOGIES, "pairs"])
def test_each_agent_gets_its_own_requests(
    topology: str, four_agents: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = Topology("two agents a client", lambda agents: [agent % 2 for agent in range(agents)])
    monkeypatch.setitem(TOPOLOGIES, "pairs", pairs)

    async def go() -> list[str]:
        settings = ClientSettings().model_copy(update={"topology": topology})
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
