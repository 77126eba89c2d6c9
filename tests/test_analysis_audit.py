"""fanout.analysis.audit: each check finds its contradiction, and nothing in a similar scenario without it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fanout.analysis.advice import Advice
from fanout.analysis.audit import CHECKS, audit
from fanout.coordinator.clients import make_clients
from fanout.runs.schema import ClientInfo
from helpers.processes import command
from helpers.scenarios import MakeScenario, scenario_of, with_values

LONG = {"service_time": {"distribution": "constant", "value_s": 10}}
LLM = {"executor": {"threads": 8, "blocking_calls": "per_question"}}
UVICORN = {"server": "uvicorn"}


def found(**keys: Any) -> list[Advice]:
    """What is said of a scenario; each of its changes has to be one that the scenario accepts."""
    scenario = scenario_of(**keys)
    count = scenario.agent_count
    addresses = [f"http://{scenario.workers.host}:{port}" for port in range(1, count + 1)]

    async def settings() -> ClientInfo:
        clients = make_clients(scenario.client, addresses, "/")
        await clients.close()
        return clients.info

    said = audit(scenario, addresses, asyncio.run(settings()))
    for change in (change for each in said for change in each.changes):
        with_values(scenario, change.values)
    return said


CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "limits_without_effect",
        {"client": {"library": "httpx-aiohttp", "limits": {"max_keepalive_connections": 5}}},
        {"client": {"library": "httpx2", "limits": {"max_keepalive_connections": 5}}},
    ),
    (
        "limits_without_effect",
        {"client": {"library": "httpx-aiohttp", "limits": {"max_connections": "unlimited"}}},
        {"client": {"library": "httpx-aiohttp"}},
    ),
    ("client_for_each_question", {"client": {"topology": "per_question"}}, {"client": {"topology": "per_agent"}}),
    ("connections_not_kept", {"agents": 21}, {"agents": 20}),
    ("connections_not_kept", {"agents": 21}, {"agents": 21, "client": {"library": "httpx-aiohttp"}}),
    ("connections_not_kept", {"dispatch": {"per_agent": 6}}, {"dispatch": {"per_agent": 5}}),
    (
        "pool_below_the_fan_out",
        {"client": {"limits": {"max_connections": 3}}},
        {"client": {"limits": {"max_connections": 4}}},
    ),
    (
        "pool_too_large",
        {"agents": 129, "client": {"limits": {"max_connections": 200, "max_keepalive_connections": 200}}},
        {"agents": 128, "client": {"limits": {"max_connections": 200, "max_keepalive_connections": 200}}},
    ),
    ("read_timeout_below_the_service_time", {"workers": LONG}, {"workers": LONG, "client": {"timeout_s": 11}}),
    (
        "idle_connections_that_agents_close",
        {"workers": UVICORN},
        {"workers": UVICORN, "client": {"limits": {"keepalive_expiry_s": 4}}},
    ),
    ("idle_connections_that_agents_close", {"workers": {"server": "gunicorn"}}, {"workers": {"server": "gevent"}}),
    (
        "idle_connections_that_agents_close",
        {"workers": {"server": "gevent", "keep_alive_s": 3}},
        {"workers": {"server": "gevent", "keep_alive_s": 6}},
    ),
    ("expiry_below_the_pause", {"coordinator": {"pause_s": 5}}, {"coordinator": {"pause_s": 4}}),
    ("lookups_behind_blocking_calls", {"agents": 9, "coordinator": LLM}, {"agents": 8, "coordinator": LLM}),
    (
        "lookups_behind_blocking_calls",
        {"agents": 9, "coordinator": LLM},
        {"agents": 9, "coordinator": LLM, "workers": {"host": "127.0.0.1"}},
    ),
]


@pytest.mark.parametrize(("rule", "wrong", "right"), CASES)
def test_a_contradiction_is_found_where_it_is(rule: str, wrong: dict[str, Any], right: dict[str, Any]) -> None:
    assert [said.rule for said in found(**wrong)].count(rule) == 1
    assert rule not in [said.rule for said in found(**right)]


def test_a_proxy_of_the_environment_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    (said,) = found(client={"trust_env": True})
    assert said.rule == "proxies_of_the_environment"
    assert not found()


def test_every_check_has_a_case() -> None:
    assert {each.__name__ for each in CHECKS} == {rule for rule, _, _ in CASES} | {"proxies_of_the_environment"}


def test_a_pool_that_is_too_small_for_long_answers_fails_questions() -> None:
    (said,) = found(workers=LONG, client={"limits": {"max_connections": 3}, "timeout_s": {"read": 20}})
    assert said.rule == "pool_below_the_fan_out" and "pool timeout, 5 s" in said.finding


@pytest.mark.process
def test_the_command_says_what_contradicts_and_sends_nothing(
    tmp_path: Path, make_scenario: MakeScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = make_scenario("good.yaml"), make_scenario("bad.yaml", agents=40)
    done = command("audit", good)
    assert (done.returncode, done.stdout) == (0, "good: nothing contradicts\n")
    done = command("audit", good, bad)
    assert done.returncode == 1 and "client.limits.max_keepalive_connections: 40" in done.stdout
    # A factory's clients are audited, too.
    (tmp_path / "mine.py").write_text(
        "import httpx\ndef make(a): return httpx.AsyncClient(limits=httpx.Limits(max_connections=3))"
    )
    monkeypatch.chdir(tmp_path)
    mine = make_scenario("mine.yaml", client={"factory": "mine:make"})
    assert command("audit", mine).returncode == 2
    done = command("audit", mine, "--allow-factory")
    assert done.returncode == 1 and "max_connections=3 is below 4 questions in flight" in done.stdout
