"""client.factory: clients that the user's own code makes, with all that they do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fanout.coordinator.clients import AgentClients, make_clients
from fanout.errors import UsageError
from fanout.processes import own_code
from fanout.scenario import ClientSettings
from helpers.exchanges import assert_adds_up
from helpers.processes import command, run_through
from helpers.scenarios import MakeScenario, scenario_of

MODULE = '''
import httpx, httpx2, httpx_aiohttp

def one(addresses):
    return httpx2.AsyncClient(limits=httpx2.Limits(max_connections=7), timeout=3)

def each(addresses):
    return [httpx.AsyncClient(base_url=address) for address in addresses]

def with_aiohttp(addresses):
    return httpx_aiohttp.HttpxAiohttpClient()

class Signed(httpx.Auth):
    def auth_flow(self, request):
        request.headers["Authorization"] = "secret"
        yield request

def signed(addresses):
    async def hook(request):
        assert request.headers["Authorization"] == "secret"
    return httpx.AsyncClient(auth=Signed(), event_hooks={"request": [hook]})

class Silent(httpx.AsyncBaseTransport):
    """A transport that hands on requests without their extensions, so nothing is reported."""
    def __init__(self):
        self.inner = httpx.AsyncHTTPTransport()
    async def handle_async_request(self, request):
        request.extensions = {}
        return await self.inner.handle_async_request(request)
    async def aclose(self):
        await self.inner.aclose()

def silent(addresses):
    return httpx.AsyncClient(transport=Silent())

def too_few(addresses):
    return [httpx.AsyncClient()]

def wrong(addresses):
    return "a client"

def broken(addresses):
    raise RuntimeError("no token")
'''
ADDRESSES = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:4"]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of the user's own, in the current folder."""
    name = f"mine_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name


def made(factory: str) -> Any:
    async def go() -> Any:
        clients: AgentClients = make_clients(ClientSettings(factory=factory), ADDRESSES, "/message")
        await clients.close()
        return clients.info

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("function", "library", "topology", "count"),
    [
        ("one", "httpx2", "shared", 1),
        ("each", "httpx", "per_agent", 4),
        ("with_aiohttp", "httpx-aiohttp", "shared", 1),
        ("silent", "httpx", "shared", 1),
    ],
)
def test_the_settings_are_those_of_the_clients_made(
    module: str, function: str, library: str, topology: str, count: int
) -> None:
    info = made(f"{module}:{function}")
    assert (info.library, info.topology, info.clients) == (library, topology, count)
    settings = info.in_effect(ClientSettings(factory=f"{module}:{function}"))
    assert settings.topology == topology
    if function == "one":
        assert (settings.limits.max_connections, settings.timeouts().read) == (7, 3)
    if function == "silent":
        assert info.limits is None


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("too_few", "returned 1 clients for 4 agents; allowed: one for all, or a list"),
        ("wrong", "returned str; allowed: an AsyncClient of "),
        ("broken", r"raised RuntimeError: no token \(.*mine_\d+\.py:\d+\)"),
        ("missing", "has no function missing"),
        ("MODULE.nothing", "has no function"),
    ],
)
def test_a_factory_that_makes_no_clients_is_reported_in_one_line(module: str, function: str, why: str) -> None:
    with pytest.raises(UsageError, match=rf"client\.factory: {module}:.*{why}") as raised:
        made(f"{module}:{function}")
    assert "\n" not in str(raised.value)


def test_a_module_that_does_not_exist_is_named() -> None:
    with pytest.raises(UsageError, match=r"client\.factory: no_such_module:x: importing no_such_module raised "):
        made("no_such_module:x")


@pytest.mark.process
@pytest.mark.parametrize("function", ["one", "each", "with_aiohttp", "signed", "silent"])
def test_questions_go_out_through_the_clients_made(
    module: str, function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(own_code.VARIABLE, "1")
    ran = run_through(scenario_of(client={"factory": f"{module}:{function}"}), tmp_path)
    assert [outcome.status for outcome in ran.outcomes] == ["ok"] * 12, [outcome.error for outcome in ran.outcomes]
    assert ran.final["connections"]["opened"] == 4
    unknown = {"silent": ("blocked", "connecting", "tls_handshaking", "sending"), "with_aiohttp": ("sending",)}
    for outcome in ran.outcomes:
        assert_adds_up(outcome, unknown.get(function, ()))  # type: ignore[arg-type]


@pytest.mark.process
def test_a_scenario_alone_runs_no_code(module: str, tmp_path: Path, make_scenario: MakeScenario) -> None:
    (tmp_path / f"{module}.py").write_text("open('ran', 'w')", encoding="utf-8")
    file = make_scenario("factory.yaml", client={"factory": f"{module}:one"})
    done = command("bench", file, "--results", tmp_path / "results")
    assert done.returncode == 2 and "--allow-factory" in done.stderr
    assert not (tmp_path / "ran").exists()
