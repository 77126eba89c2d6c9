"""fanout.analysis.advice: each rule in a run where it applies, with its numbers, and in runs where it must not apply.

The tests check rules, keys and numbers. Each rule's sentence is in tests/data/advice.txt; after rewording one, write
the file again with FANOUT_WRITE_ADVICE=1 scripts/test tests/test_analysis_advice.py, and read the difference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fanout.analysis.advice import Advice, advise
from fanout.analysis.advice._facts import RULES
from fanout.outcome import Outcome
from fanout.phases import PHASES
from fanout.runs.reader import Run
from fanout.runs.schema import COUNTERS
from helpers.runs import AGENTS, CALM, coordinator, frame_of, info_of, question
from helpers.scenarios import scenario_of, with_values
from helpers.texts import numbers

SENTENCES = Path(__file__).parent / "data" / "advice.txt"
DEATH = {"at": 1.0, "how": "SIGKILL", "restarted": False}


def given(
    outcomes: Sequence[Outcome] | None = None,
    reported: dict[str, Any] | None = None,
    info: dict[str, Any] | None = None,
    **keys: Any,
) -> list[Advice]:
    """The advice on a run; `reported` is its coordinator, `info` more of run.json, `keys` are the scenario's."""
    scenario = scenario_of(**{"agents": AGENTS, **keys})
    known = {"coordinators": [reported or coordinator()], "agents": [f"http://localhost:{n}" for n in range(AGENTS)]}
    outcomes = [question(n) for n in range(100)] if outcomes is None else outcomes
    said = advise(Run(Path("results/x"), scenario, info_of(**{**known, **(info or {})}), frame_of(outcomes)))
    assert [found.weight for found in said] == sorted((found.weight for found in said), reverse=True)
    assert sum(found.share for found in said) <= 1.001
    assert all(found.failures <= found.failed for found in said)
    for change in (change for found in said for change in found.changes):
        with_values(scenario, change.values)
    return said


def the_one(*args: Any, **keys: Any) -> Advice:
    """The only piece of advice on a run."""
    (found,) = given(*args, **keys)
    return found


def rules(*args: Any, **keys: Any) -> list[str]:
    """The rules that apply, without the sentence for runs where none does."""
    return [found.rule for found in given(*args, **keys) if found.rule != "unexplained"]


def test_a_good_run_gets_no_advice() -> None:
    assert rules() == []
    assert rules([]) == []


def test_a_run_of_an_older_version_gets_no_advice() -> None:
    old = Outcome("1", 1, 1, 1, "ok", round_trip_ms=20.0, service_ms=15.0, adapter_ms=5.0)
    assert rules([old], info={"coordinators": [{"coordinator": 1, "connections_opened": 4}]}) == []


CHURN = coordinator(each={"opened": 3, "closed_by_us": 3})
ON_NEW = [question(n, reused=False, connecting=5) for n in range(96)]


def test_churn_below_the_agents() -> None:
    found = the_one(ON_NEW, CHURN)
    assert (found.rule, found.keys) == (
        "churn_below_the_agents",
        ("client.limits.max_keepalive_connections", "client.topology"),
    )
    assert numbers(found.finding) == [96, 96, 20, 32, 6.0, 96] and "32" in found.remedy
    # Of three questions to each agent, the first needs a connection anyway; the others spent 1 + 5 ms on one.
    assert found.saves_ms == pytest.approx(6 * 2 / 3)
    assert found.mean_ms == pytest.approx(12)


@pytest.mark.parametrize(
    ("library", "code"),
    [
        ("httpx2", "httpx2.AsyncClient(limits=httpx2.Limits("),
        ("httpx-aiohttp", "httpx_aiohttp.HttpxAiohttpClient(limits=httpx.Limits("),
    ],
)
def test_the_code_of_a_change_is_for_the_run_s_client_library(library: str, code: str) -> None:
    found = the_one(ON_NEW, CHURN, client={"library": library})
    assert found.changes[0].code.startswith(code)


def test_a_factory_s_clients_are_changed_in_its_code() -> None:
    made = {"library": "httpx2", "topology": "shared"}
    found = the_one(ON_NEW, CHURN, client={"factory": "mine:make"}, info={"client": made})
    assert not found.keys
    assert all(change.code.startswith(("httpx2.", "clients = ")) for change in found.changes)


def test_the_limits_are_those_that_the_library_made_of_the_scenario_s() -> None:
    in_effect = {"max_connections": 100, "max_keepalive_connections": None, "keepalive_expiry_s": 5.0}
    assert "churn_below_the_agents" not in rules(ON_NEW, CHURN, info={"client": {"limits": in_effect}})


@pytest.mark.parametrize(
    ("reported", "client"),
    [
        (CHURN, {"limits": {"max_keepalive_connections": 32}}),
        (CHURN, {"limits": {"max_keepalive_connections": "unlimited"}}),
        (CHURN, {"topology": "per_agent"}),
        (coordinator(), {}),
        (coordinator(each={"opened": 3, "closed_by_us": 0}), {}),
    ],
    ids=["large enough", "unlimited", "a client per agent", "all kept", "not closed by us"],
)
def test_no_churn_below_the_agents(reported: dict[str, Any], client: dict[str, Any]) -> None:
    assert "churn_below_the_agents" not in rules(ON_NEW, reported, client=client)


def test_a_pool_that_would_be_too_large_is_not_offered() -> None:
    agents = 256
    many = [question(n, agent=n % agents + 1, reused=False, connecting=5) for n in range(3 * agents)]
    churning = coordinator(agents=agents, each={"opened": 3, "closed_by_us": 3})
    found = next(each for each in given(many, churning, agents=agents) if each.rule == "churn_below_the_agents")
    assert found.keys == ("client.topology",) and "max_connections" not in found.remedy
    waiting = [question(n, agent=n % agents + 1, blocked=40) for n in range(3 * agents)]
    full = coordinator(agents=agents, each={"opened": 1}, connections={"max_in_pool": 100})
    found = next(each for each in given(waiting, full, agents=agents) if each.rule == "full_pool")
    assert found.keys == ("client.topology",)


def paused(pause_s: float, **keys: Any) -> list[Outcome]:
    """Three questions to each agent, each `pause_s` after the answer to the last."""
    return [
        question(100 * number + agent, agent=agent, started=1000 + agent + number * (0.108 + pause_s), **keys)
        for number in range(3)
        for agent in range(1, AGENTS + 1)
    ]


WIDE = {"limits": {"max_connections": 1000, "max_keepalive_connections": 200, "keepalive_expiry_s": 5}}


def test_expiry_shorter_than_the_pauses() -> None:
    found = the_one(paused(8.0, reused=False, connecting=2), CHURN, client=WIDE)
    assert (found.rule, found.keys) == ("expiry_shorter_than_the_pauses", ("client.limits.keepalive_expiry_s",))
    assert numbers(found.finding) == [64, 96, 5, 8.0] and numbers(found.remedy) == [8]
    assert found.saves_ms == pytest.approx(3 * 2 / 3)


def test_an_expiry_of_0_keeps_nothing() -> None:
    client = {"limits": {**WIDE["limits"], "keepalive_expiry_s": 0}}
    found = the_one(paused(0.01, reused=False), CHURN, client=client)
    assert found.rule == "expiry_shorter_than_the_pauses"
    assert numbers(found.finding) == [64, 96, 0] and numbers(found.remedy) == []


def test_connections_closed_for_another_reason_do_not_expire() -> None:
    rule = "expiry_shorter_than_the_pauses"
    assert rule not in rules(paused(8.0, reused=False), CHURN)  # the default limits keep 20 for 32 agents
    closing = coordinator(each={"opened": 3, "closed_by_peer": 3})
    assert rule not in rules(paused(8.0, reused=False), closing, client=WIDE)


@pytest.mark.parametrize(
    ("pause_s", "reused", "expiry_s"),
    [(3.0, False, 5), (8.0, True, 5), (8.0, False, 60), (8.0, False, "unlimited")],
    ids=["short pauses", "kept nevertheless", "longer expiry", "no expiry"],
)
def test_no_expiry_shorter_than_the_pauses(pause_s: float, reused: bool, expiry_s: Any) -> None:
    client = {"limits": {**WIDE["limits"], "keepalive_expiry_s": expiry_s}}
    assert rules(paused(pause_s, reused=reused), client=client) == []


SMALL = {"limits": {"max_connections": 8, "max_keepalive_connections": 8}}
FULL = coordinator(connections={"max_in_pool": 8})
EVICTING = coordinator(each={"opened": 3, "closed_by_us": 3}, connections={"max_in_pool": 8})


def test_eviction_below_the_agents() -> None:
    found = the_one(ON_NEW, EVICTING, client=SMALL)
    assert found.rule == "eviction_below_the_agents"
    assert found.keys == ("client.limits.max_connections", "client.limits.max_keepalive_connections")
    assert numbers(found.finding)[:4] == [96, 96, 8, 32] and numbers(found.remedy) == [32]


def test_no_eviction_from_a_pool_with_room() -> None:
    assert rules(ON_NEW, EVICTING, client={"limits": {"max_connections": 32, "max_keepalive_connections": 32}}) == []


def test_churn_of_a_client_per_agent_that_keeps_nothing() -> None:
    client = {"topology": "per_agent", "limits": {"max_keepalive_connections": 0}}
    found = the_one(ON_NEW, coordinator(each={"opened": 3, "closed_by_us": 3, "max_in_pool": 1}), client=client)
    assert (found.rule, found.keys) == ("churn_below_the_agents", ("client.limits.max_keepalive_connections",))
    assert numbers(found.finding)[2:4] == [0, 1] and numbers(found.remedy) == [1]


def test_clients_per_agent_are_not_full_because_they_are_full_together() -> None:
    client = {"topology": "per_agent", **SMALL}
    reported = coordinator(each={"max_in_pool": 1, "max_in_flight": 1})
    assert rules([question(n, blocked=40) for n in range(100)], reported, client=client) == []


def test_full_pool() -> None:
    found = the_one([question(n, blocked=40 if n % 2 else 0.1) for n in range(100)], FULL, client=SMALL)
    assert (found.rule, found.keys) == (
        "full_pool",
        ("client.limits.max_connections", "client.limits.max_keepalive_connections", "client.topology"),
    )
    assert numbers(found.finding) == [50, 100, 40.0, 8, 32] and numbers(found.remedy) == [32]
    assert found.saves_ms == pytest.approx(20.05)


def test_a_full_pool_whose_questions_timed_out() -> None:
    failed = [Outcome(str(n), 1, 1, 1, "failed", "pool_timeout", "no free connection") for n in range(7)]
    found = the_one(failed, FULL, client=SMALL)
    assert (found.rule, found.weight, found.failures) == ("full_pool", 1.0, 7)
    assert 7 in numbers(found.finding)


@pytest.mark.parametrize(
    ("blocked", "reported", "client"),
    [(40, coordinator(), {}), (40, FULL, {"limits": {"max_connections": "unlimited"}}), (0.1, FULL, SMALL)],
    ids=["room in the pool", "no limit", "nobody waited"],
)
def test_no_full_pool(blocked: float, reported: dict[str, Any], client: dict[str, Any]) -> None:
    assert "full_pool" not in rules([question(n, blocked=blocked) for n in range(100)], reported, client=client)


def lookups(queued_ms: float, took_ms: float, busy: int = 24, threads: int = 24) -> dict[str, Any]:
    return coordinator(
        lookups={"count": 100, "queued_ms": {"mean": queued_ms, "max": 9e3}, "took_ms": {"mean": took_ms, "max": 9e3}},
        executor={"threads": threads, "blocking_calls": 100, "max_busy_threads": busy},
    )


STARVED = [question(n, resolving=1450 if n < 62 else 0.2) for n in range(100)]


def test_lookups_behind_blocking_calls() -> None:
    found = the_one(STARVED, lookups(900, 0.3))
    assert (found.rule, found.keys[:2]) == ("lookups_behind_blocking_calls", ("workers.host", "coordinator.resolver"))
    assert found.changes[-1].values == {"client.limits.max_keepalive_connections": 32}
    assert numbers(found.finding) == [62, 100, 1.45, 24, 24, 0.30]
    assert found.saves_ms == pytest.approx(0.62 * 1450 + 0.38 * 0.2 - 0.3)


def test_lookups_whose_questions_timed_out() -> None:
    failed = [
        Outcome(str(n), 1, 1, 1, "failed", "connect_timeout", "not connected within 10 s", phases_ms={"resolving": 1e4})
        for n in range(18)
    ]
    found = the_one([*(question(n) for n in range(82)), *failed], lookups(1, 0.3))
    assert found.rule == "lookups_behind_blocking_calls" and found.failures == 18


@pytest.mark.parametrize("busy", [0, 3])
def test_lookups_behind_each_other(busy: int) -> None:
    found = the_one(STARVED, lookups(250, 100, busy=busy))
    assert (found.rule, numbers(found.finding)) == ("lookups_behind_each_other", [250, 100, 24])


def test_slow_lookups() -> None:
    found = the_one(STARVED, lookups(1, 900))
    assert (found.rule, numbers(found.finding)) == ("slow_lookups", [62, 100, 1.45])


@pytest.mark.parametrize(
    ("outcomes", "reported"),
    [
        (STARVED, coordinator()),
        ([question(n) for n in range(100)], lookups(900, 0.3)),
        (STARVED, lookups(0.1, 0.3)),
    ],
    ids=["no lookup", "nobody waited", "not queued"],
)
def test_no_lookup_is_the_cause(outcomes: list[Outcome], reported: dict[str, Any]) -> None:
    lookup_rules = {"lookups_behind_blocking_calls", "lookups_behind_each_other", "slow_lookups"}
    assert not lookup_rules & set(rules(outcomes, reported))


CLOSING = coordinator(each={"opened": 3, "closed_by_peer": 3})


ANNOUNCING = coordinator(each={"opened": 3, "closed_by_peer": 3, "closes_announced": 3})
ONE_AFTER_ANOTHER = [question(n, reused=False, started=n / 1000, connection=f"1-{n}") for n in range(96)]


def test_agents_that_close_every_connection() -> None:
    found = the_one(ONE_AFTER_ANOTHER, CLOSING)
    assert (found.rule, numbers(found.finding)) == ("agents_that_close_every_connection", [1, 2, 3, 4, 5, 27])


@pytest.mark.parametrize("outcomes", [ONE_AFTER_ANOTHER, paused(0.1, reused=False)], ids=["no pause", "between rounds"])
def test_agents_that_announce_each_close(outcomes: list[Outcome]) -> None:
    found = the_one(outcomes, ANNOUNCING)
    assert found.rule == "agents_that_close_every_connection" and "Connection: close" in found.finding


@pytest.mark.parametrize(("pause_s", "reported"), [(0.02, "20.0 ms"), (4.0, "4.00 s")])
def test_agents_that_may_have_closed_idle_connections(pause_s: float, reported: str) -> None:
    found = the_one(paused(pause_s, reused=False), CLOSING)
    assert found.rule == "agents_that_close_every_connection"
    assert reported in found.finding and "Connection: close" not in found.finding


def test_the_pauses_are_those_before_questions_to_the_closing_agents() -> None:
    close_together = [question(1000 + n, agent=3, started=5000 + n * 0.109) for n in range(200)]
    found = the_one([*paused(4.0, reused=False), *close_together], CLOSING)
    assert numbers(found.finding) == [1, 2, 4, 5, 6, 26, 4.0]


def test_connections_that_broke_without_an_answer_do_not_count_as_closed() -> None:
    failed = [
        Outcome(str(n), 1, 1, n % AGENTS + 1, "failed", "connection_lost", "broke off", connection=f"1-{n}")
        for n in range(96, 192)
    ]
    rule = "agents_that_close_every_connection"
    assert rules(failed, CLOSING) == []
    assert rules(ONE_AFTER_ANOTHER, coordinator(each={"opened": 6, "closed_by_peer": 6})) == [rule]
    assert rules([*ONE_AFTER_ANOTHER, *failed], coordinator(each={"opened": 6, "closed_by_peer": 5})) == []
    # A question lost on a connection that had answered was lost because the agent closed it.
    stale = [replace(outcome, connection=f"1-{n}") for n, outcome in enumerate(failed)]
    assert rule in rules([*ONE_AFTER_ANOTHER, *stale], CLOSING)


def test_agents_that_keep_connections_or_were_asked_once_get_no_advice() -> None:
    assert rules([question(n, reused=False) for n in range(100)], coordinator(each={"closed_by_peer": 1})) == []
    assert rules([question(n) for n in range(32)], CLOSING) == []


def lost(number: int, *, receiving: float = 0.0, **keys: Any) -> Outcome:
    failed: dict[str, Any] = {"status": "failed", "error_kind": "connection_lost", "error": "-"}
    return replace(question(number, receiving=receiving), **{**failed, **keys})


def test_stale_connections() -> None:
    some = [*(question(n) for n in range(97)), lost(97, agent=3), lost(98, agent=4), lost(99, agent=5)]
    found = the_one(some, info={"workers": [{"agent": 5, "deaths": [DEATH]}]})
    assert (found.rule, found.keys) == ("stale_connections", ("client.limits.keepalive_expiry_s",))
    assert numbers(found.finding)[:4] == [2, 100, 3, 4] and numbers(found.finding)[-1] == 5


def test_no_stale_connections() -> None:
    some, alive = [question(n) for n in range(98)], {"workers": [{"agent": 3}]}
    assert rules([*some, lost(98, agent=3)], info=alive) == ["stale_connections"]
    assert "stale_connections" not in rules([*some, lost(98, agent=3, reused=False)], info=alive)
    assert "stale_connections" not in rules([*some, lost(98, agent=3, receiving=2.0)], info=alive)
    assert rules([*some, lost(98, agent=3)], info={"workers": [{"agent": 3, "deaths": [DEATH]}]}) == []
    assert rules([*some, lost(98, agent=3)], info={"workers": None}) == []  # the fleet died


def test_questions_lost_to_agents_that_close_at_once_are_counted_there() -> None:
    gone = [replace(lost(200 + n, agent=n + 1), started=30.0) for n in range(5)]
    said = given([*ONE_AFTER_ANOTHER, *gone], CLOSING, {"workers": []})
    assert {found.rule: found.failures for found in said if found.failures} == {"agents_that_close_every_connection": 5}


def test_a_connection_that_the_pool_saw_closed_was_closed_by_the_agent() -> None:
    gone = [lost(97, agent=3), *(lost(n, agent=4, error_cause="closed_by_client") for n in (98, 99))]
    some = [question(n) for n in range(97)]
    assert failures_of(given([*some, *gone], info={"workers": []})) == {"stale_connections": 3}
    late = coordinator(loop_health={**CALM, "lag_ms": {"p50": 1.0, "p99": 30.0, "max": 900.0}})
    said = failures_of(given([*some, *gone], late, {"workers": []}))
    assert said == {"stale_connections": 1, "connections_closed_by_the_client": 2}


def refused(number: int, agent: int, error: str) -> Outcome:
    status = int(error.split()[1])
    return replace(
        question(number, agent=agent), status="failed", error_kind="http_status", error=error, http_status=status
    )


def test_agents_that_ask_for_less() -> None:
    some = [question(n) for n in range(97)]
    found = the_one([*some, refused(97, 3, "HTTP 503 Service Unavailable (Retry-After: 2): ''")])
    assert (found.rule, found.keys) == ("agents_that_ask_for_less", ("coordinator.pause_s",))
    assert numbers(found.finding) == [3, 1, 98, 503] and "Retry-After" in found.remedy
    found = the_one([*some, *(refused(97 + n, 3 + n, f"HTTP {503 - 74 * n} No: ''") for n in range(2))])
    assert numbers(found.finding) == [3, 4, 2, 99, 429, 503] and "Retry-After" not in found.remedy
    assert rules([*some, refused(97, 3, "HTTP 500 Internal Server Error: 'HTTP 503 '")]) == [
        "agents_that_report_errors"
    ]


SATURATED = {**CALM, "cpu_share": 0.97}
LATE = {**CALM, "cpu_share": 0.6, "lag_ms": {"p50": 2.0, "p99": 80.0, "max": 300.0}}


@pytest.mark.parametrize(
    ("health", "client", "busy", "figure", "keys"),
    [
        (SATURATED, {}, 0.5, "97%", ("client.topology",)),
        (LATE, {"topology": "per_agent"}, 0.5, "80.0 ms", ("agents",)),
        (LATE, {"topology": "per_agent"}, 0.95, "80.0 ms", ("agents",)),
    ],
)
def test_saturated_coordinator(
    health: dict[str, Any], client: dict[str, Any], busy: float, figure: str, keys: tuple[str, ...]
) -> None:
    outcomes = [question(n, receiving=8) for n in range(100)]
    load = {"machine_load": {"busy": busy, "steal": 0.0}, "agents": []}
    client = {"limits": {"max_keepalive_connections": 100}, **client}
    found = the_one(outcomes, coordinator(loop_health=health, agents=100), load, client=client, agents=100)
    assert (found.rule, found.keys) == ("saturated", keys)
    assert figure in found.finding


def test_a_pool_with_little_of_the_time_is_not_the_cause() -> None:
    found = the_one([question(n, connecting=50) for n in range(100)], coordinator(loop_health=SATURATED))
    assert (found.rule, found.keys) == ("saturated", ("agents",))


def test_a_small_pool_is_not_the_cause() -> None:
    found = the_one([question(n, receiving=8) for n in range(100)], coordinator(loop_health=SATURATED))
    assert (found.rule, found.keys) == ("saturated", ("agents",))


def test_a_busy_coordinator_is_no_finding_where_no_question_was_answered() -> None:
    for health in (SATURATED, {**LATE, "cpu_share": 0.04}):
        all_failed = [each for each in failing("http_status", http_status=500) if each.error]
        assert rules(all_failed, coordinator(loop_health=health)) == ["agents_that_report_errors"]


def test_one_question_at_a_time_cannot_queue() -> None:
    assert rules(reported=coordinator(loop_health=SATURATED, connections={"max_in_flight": 1})) == []


def test_a_calm_coordinator_or_one_of_unknown_health_is_not_saturated() -> None:
    assert rules(reported=coordinator(loop_health={**CALM, "cpu_share": 0.79})) == []
    assert rules(reported=coordinator(loop_health={"cpu_s": 0, "wall_s": 0, "cpu_share": None, "lag_ms": None})) == []


def one_slow(slow_ms: float, others_ms: float) -> list[Outcome]:
    return [question(n, waiting=slow_ms if n % AGENTS == 6 else others_ms) for n in range(100)]


def test_one_slow_agent() -> None:
    found = the_one(one_slow(500, 5))
    assert found.rule == "slow_agents"
    assert "http://localhost:6" in found.finding and {7, 503, 8} <= set(numbers(found.finding))
    assert found.saves_ms == pytest.approx((503 - 8) * 3 / 100)


def test_two_slow_agents() -> None:
    found = the_one([question(n, waiting=500 if n % AGENTS in (2, 6) else 5) for n in range(100)])
    assert found.rule == "slow_agents" and numbers(found.finding) == [3, 7, 503, 8]


@pytest.mark.parametrize(
    "outcomes",
    [
        one_slow(20, 5),
        one_slow(500, 400),
        [question(n, waiting=500 if n % 2 else 1) for n in range(100)],
        [question(n, blocked=500 if n % AGENTS == 6 else 1) for n in range(100)],
    ],
    ids=["a little", "all are slow", "many are slow", "waited for something else"],
)
def test_no_slow_agent(outcomes: list[Outcome]) -> None:
    assert rules(outcomes) == []


def test_a_proxy_in_force() -> None:
    found = the_one(reported=coordinator(each={"elsewhere": 1}), client={"trust_env": True})
    assert (found.rule, found.keys) == ("proxy_in_force", ("client.trust_env",))
    assert numbers(found.finding) == [32, 32]


def test_a_proxy_that_cannot_be_reached() -> None:
    failed = [Outcome(str(n), 1, 1, 1, "failed", "connect_failed", "could not connect") for n in range(7)]
    info = {"client": {"proxies": ["http", "https"]}}
    found = the_one(failed, coordinator(each={"opened": 0}), info, client={"trust_env": True})
    assert (found.rule, found.keys) == ("proxy_in_force", ("client.trust_env",))
    assert numbers(found.finding) == [7, 7] and "HTTP_PROXY, HTTPS_PROXY" in found.finding


def test_no_proxy_in_force() -> None:
    assert rules(client={"trust_env": True}) == []
    assert rules(client={"trust_env": True}, info={"client": {"proxies": ["http"]}}) == []  # the agents bypass it


def test_tls_contexts_per_client() -> None:
    client = {"topology": "per_agent", "tls_context": "per_client"}
    found = the_one(client=client, info={"client": {"clients": 32, "made_in_ms": 1234.0}})
    assert (found.rule, found.keys) == ("tls_contexts_per_client", ("client.tls_context",))
    assert numbers(found.finding) == [32, 1.23]
    assert rules(client=client, info={"client": {"clients": 2, "made_in_ms": 40.0}}) == []  # too little to matter


@pytest.mark.parametrize(("tls_context", "clients"), [("shared", 32), ("per_client", 1)])
def test_no_tls_contexts_per_client(tls_context: str, clients: int) -> None:
    client = {"tls_context": tls_context}
    assert rules(client=client, info={"client": {"clients": clients, "made_in_ms": 50.0}}) == []


def test_the_first_burst() -> None:
    first = [question(n, started=1000.0 + n / 1000, waiting=60) for n in range(32)]
    rest = [question(n, started=1010.0 + n) for n in range(32, 100)]
    found = the_one(first + rest, coordinator(loop_health={**CALM, "cpu_s": 0.2}))
    assert found.rule == "first_burst" and numbers(found.finding)[:3] == [32, 80, 67.0]
    assert rules(first + rest, coordinator(loop_health={**CALM, "cpu_s": 0.02})) == []  # another cause


def test_no_first_burst() -> None:
    first = [question(n, started=1000.0 + n / 1000) for n in range(32)]
    rest = [question(n, started=1010.0 + n) for n in range(32, 100)]
    assert rules(first + rest) == []  # no slower than the rest
    assert rules([question(n, started=1000.0 + n / 1000, waiting=60) for n in range(32)]) == []  # there is no rest


def failing(kind: str, count: int = 10, *, cause: str | None = None, **keys: Any) -> list[Outcome]:
    """90 answered questions and some that failed in this way; `keys` are their phases and columns."""
    phases = {phase: float(keys.pop(phase, 0.0)) for phase in PHASES}
    failed = {
        "status": "failed", "error_kind": kind, "error_cause": cause, "error": "it failed", "phases_ms": phases,
        "round_trip_ms": sum(phases.values()), "service_ms": None, "adapter_ms": None, **keys,
    }  # fmt: skip
    return [*(question(n) for n in range(90)), *(replace(question(90 + n), **failed) for n in range(count))]


def one_failure(rule: str, kind: str, info: dict[str, Any] | None = None, **keys: Any) -> Advice:
    (found,) = [said for said in given(failing(kind, **keys), info=info or {"workers": []}) if said.failures]
    assert (found.rule, found.failures, found.failed) == (rule, 10, 10)
    return found


@pytest.mark.parametrize(
    ("rule", "kind", "keys"),
    [
        ("unknown_names", "connect_failed", {"cause": "name_unknown", "resolving": 2}),
        ("resolver_failures", "connect_failed", {"cause": "name_temporary", "resolving": 2000}),
        ("exhausted_ports_or_files", "connect_failed", {"cause": "no_local_port"}),
        ("exhausted_ports_or_files", "connect_failed", {"cause": "too_many_files"}),
        ("refused_connections", "connect_failed", {"cause": "refused", "connecting": 1}),
        ("no_agreement_on_tls", "connect_failed", {"cause": "tls", "tls_handshaking": 9}),
        ("connections_broken_by_agents", "connect_failed", {"cause": "reset"}),
        ("connections_closed_by_the_client", "connection_lost", {"cause": "closed_by_client", "waiting": 9}),
        ("connections_broken_by_agents", "connection_lost", {"cause": "closed", "reused": False}),
        ("redirects", "http_status", {"cause": "redirect", "http_status": 307}),
        ("agents_that_report_errors", "http_status", {"http_status": 500}),
        ("answers_that_break_the_protocol", "bad_response", {}),
        ("slow_lookups", "connect_timeout", {"resolving": 400}),
        ("full_listen_queue", "connect_timeout", {"connecting": 5000}),
        ("timeout_shorter_than_a_connect", "connect_timeout", {"connecting": 300}),
        ("timeout_shorter_than_a_connect", "deadline", {"connecting": 300}),
        ("no_agreement_on_tls", "connect_timeout", {"tls_handshaking": 5000}),
        ("timeout_shorter_than_the_service_time", "read_timeout", {"waiting": 5000}),
        ("timeout_shorter_than_the_service_time", "deadline", {"waiting": 9000, "connecting": 100}),
        ("slow_bodies", "deadline", {"receiving": 9000}),
        ("slow_bodies", "write_timeout", {"sending": 5000}),
    ],
)
def test_a_failure_is_explained_by_what_it_waited_for(rule: str, kind: str, keys: dict[str, Any]) -> None:
    one_failure(rule, kind, **keys)


def test_an_agent_that_never_answers_is_told_from_a_timeout_that_is_too_short() -> None:
    silent = [replace(each, agent=33 if each.status == "failed" else each.agent) for each in LATE_ANSWERS]
    assert [said.rule for said in given(silent, info={"workers": []}, agents=33) if said.failures] == [
        "agents_that_never_answer"
    ]
    deaf = [replace(each, connection=None) for each in failing("connect_timeout", agent=33, connecting=5000.0)]
    deaf = [replace(each, agent=each.agent if each.status == "ok" else 33) for each in deaf]
    addresses = [f"http://localhost:{n}" for n in range(33)]
    said = given(deaf, info={"workers": [], "agents": addresses}, agents=33)
    assert [each.rule for each in said if each.failures] == ["silent_agents"]


LATE_ANSWERS = failing("read_timeout", waiting=5000)


def test_a_read_timeout_below_the_service_time_names_a_longer_one() -> None:
    service = {"service_time": {"distribution": "constant", "value_s": 7}}
    late = [each for each in LATE_ANSWERS if each.status == "failed"]
    found = the_one(late, info={"workers": []}, workers=service)
    assert found.rule == "timeout_shorter_than_the_service_time" and 7.0 in numbers(found.finding)
    assert found.changes[0].values["client.timeout_s"]["read"] > 7
    assert "httpx.Timeout" in found.changes[0].code


def stuck_in(phase: str, ms: float, kind: str) -> dict[str, Any]:
    """The columns of a question that failed in this phase."""
    phases = {each: ms if each == phase else 0.0 for each in PHASES}
    return {"status": "failed", "error_kind": kind, "error": "-", "round_trip_ms": ms, "phases_ms": phases}


FORGOTTEN = [
    replace(each, **(stuck_in("waiting", 5000, "read_timeout") if n >= AGENTS else {"reused": False}))
    for n, each in enumerate(paused(2.0)[: 2 * AGENTS])
]
HOLDING = [question(n, agent=n + 1, started=1000.0) for n in range(8)]
STUCK = [replace(question(8 + n, started=1001 + n / 10), **stuck_in("blocked", 300, "pool_timeout")) for n in range(40)]


def test_connections_that_were_forgotten_are_told_from_slow_agents() -> None:
    found = the_one(FORGOTTEN, info={"workers": []})
    assert (found.rule, found.keys) == ("forgotten_connections", ("client.limits.keepalive_expiry_s",))
    assert found.changes[0].values["client.limits.keepalive_expiry_s"] < 2


def test_slots_that_a_pool_has_lost() -> None:
    """Eight questions hold the eight places; when they have ended, nobody gets one."""
    found = the_one([*HOLDING, *STUCK], FULL, {"workers": []}, client=SMALL)
    assert (found.rule, found.failures) == ("leaked_slots", 40)
    busy = [replace(each, started=999.0, round_trip_ms=9e4) for each in HOLDING]
    assert rules([*busy, *STUCK], FULL, {"workers": []}, client=SMALL) == ["full_pool"]


COLD = [question(n, started=1000 + n, waiting=2000 if n < AGENTS else 4) for n in range(96)]
ACKED = [question(n, reused=n >= AGENTS, receiving=41 if n >= AGENTS else 1) for n in range(96)]
QUEUED = [
    replace(question(n, agent=n % 2 + 1, waiting=100, started=1000 + (n // 4) * 0.3), coordinator=n // 2 % 2 + 1)
    for n in range(96)
]
SYN = [question(n, reused=False, connecting=1012 if n % 4 == 0 else 1) for n in range(96)]
HEAD_START = [question(n, reused=False, connecting=252) for n in range(96)]


@pytest.mark.parametrize(
    ("rule", "outcomes"),
    [
        ("cold_starts", COLD),
        ("delayed_acknowledgements", ACKED),
        ("agents_that_queue", QUEUED),
        ("full_listen_queue", SYN),
        ("silent_first_address", HEAD_START),
    ],
)
def test_what_agents_and_the_way_to_them_do_to_answered_questions(rule: str, outcomes: list[Outcome]) -> None:
    assert given(outcomes)[0].rule == rule
    without = [replace(each, service_ms=None, adapter_ms=None) for each in outcomes]
    if rule not in ("agents_that_queue", "cold_starts"):  # which need the service time, or take it for granted
        assert given(without)[0].rule == rule


SERVED_LATE = [question(n, agent=n % 4 + 1, waiting=100 if n % 8 < 4 else 2, reused=n % 8 >= 4) for n in range(96)]


def only_agent_3(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """These outcomes of agent 3, and usual ones of agents 1, 2 and 4."""
    usual = question(1).phases_ms
    some = [replace(each, agent=n % 4 + 1) for n, each in enumerate(outcomes)]
    return [each if each.agent == 3 else replace(each, phases_ms=usual, reused=n > 3) for n, each in enumerate(some)]


@pytest.mark.parametrize(
    ("rule", "outcomes"),
    [
        (
            "cold_starts",
            [COLD[n] if n == 2 else replace(COLD[n], phases_ms=COLD[-1].phases_ms) for n in range(96)],
        ),
        ("delayed_acknowledgements", [replace(ACKED[-1], reused=n > 3) for n in range(96)]),
        ("late_on_new_connections", SERVED_LATE),
    ],
)
def test_one_of_several_agents_is_named_by_what_it_does(rule: str, outcomes: list[Outcome]) -> None:
    if rule == "delayed_acknowledgements":
        outcomes = [each if each.reused else replace(each, phases_ms=ACKED[0].phases_ms) for each in outcomes]
    found = given(only_agent_3(outcomes))[0]
    assert (found.rule, re.findall(r"agents? \d[\d, ]*", found.finding)) == (rule, ["agent 3 "])


def test_a_cold_start_that_outlasts_the_timeout_is_one() -> None:
    cold = [question(n, agent=n + 1, started=100.0 + n) for n in range(4)]
    cold = [replace(each, **stuck_in("waiting", 5000, "read_timeout")) for each in cold]
    warm = [question(n, agent=n % 4 + 1, started=1000.0 + n) for n in range(4, 60)]
    found = the_one([*cold, *warm])
    assert (found.rule, found.failures) == ("cold_starts", 4)
    slow = [replace(each, round_trip_ms=4000.0, service_ms=3900.0) for each in warm]  # so the timeout is too short
    assert "cold_starts" not in rules([*cold, *slow])


def test_first_answers_that_a_saturated_coordinator_takes_late_are_no_cold_starts() -> None:
    first = [question(n, agent=n + 1, started=100.0 + n, waiting=900) for n in range(4)]
    later = [question(n, agent=n % 4 + 1, started=1000.0 + n) for n in range(4, 60)]
    assert "cold_starts" in rules([*first, *later])
    saturated = {**CALM, "cpu_share": 0.95, "lag_ms": {"p50": 30.0, "p99": 600.0, "max": 900.0}}
    assert "cold_starts" not in rules([*first, *later], coordinator(loop_health=saturated))


def test_questions_that_time_out_in_a_queue_are_counted_there() -> None:
    late = [replace(each, **stuck_in("waiting", 1000, "read_timeout")) for each in QUEUED[:3]]
    service = {"service_time": {"distribution": "constant", "value_s": 0.1}}
    found = given([*QUEUED, *late], client={"timeout_s": 1}, workers=service)[0]
    assert (found.rule, found.failures) == ("agents_that_queue", 3)


def test_one_of_several_agents_queues() -> None:
    found = given([*QUEUED, *(question(n, agent=3, started=2000.0 + n) for n in range(100, 150))])[0]
    assert found.rule == "agents_that_queue" and numbers(found.finding)[:2] == [1, 2]


def test_an_agent_that_reports_no_service_time_is_not_slow() -> None:
    some = [question(n, agent=n % 4 + 1) for n in range(96)]
    without = [
        replace(each, service_ms=None, adapter_ms=None, phases_ms={**(each.phases_ms or {}), "waiting": 101.0})
        if each.agent == 2
        else each
        for each in some
    ]
    assert rules(without) == []


def test_a_connection_is_forgotten_in_the_view_of_its_own_agent() -> None:
    others = [
        question(n, agent=n % 2 + 3, started=5000.0 + 100 * n, reused=n > 3) for n in range(2, 12)
    ]  # pauses of 200 s, which their connections survive
    assert "forgotten_connections" in rules([*FORGOTTEN, *others])


LARGE = [
    question(n, sending=20, receiving=90, decode=10, request_bytes=500_000, response_bytes=2_000_000)
    for n in range(100)
]


def test_large_messages_are_named_with_their_sizes() -> None:
    found = the_one(LARGE, workers={"answer_bytes": 2_000_000})
    assert (found.rule, found.keys) == ("large_messages", ("workers.answer_bytes",))
    assert found.share > 0.9 and {2.0, 500.0} <= set(numbers(found.finding))
    assert rules([replace(each, response_bytes=2000) for each in LARGE]) == []
    assert rules(LARGE, coordinator(loop_health=SATURATED)) == ["large_messages"]


def test_late_timers_at_low_cpu_are_a_blocked_loop() -> None:
    found = the_one(reported=coordinator(loop_health={**LATE, "cpu_share": 0.04}))
    assert found.rule == "late_event_loop" and found.share == pytest.approx(1.0)
    assert 4 in numbers(found.finding)


def test_a_cpu_quota_is_told_from_a_blocked_loop() -> None:
    held = {**LATE, "cpu_share": 0.4, "throttled_s": 4.0}
    found = the_one(reported=coordinator(loop_health=held))
    assert (found.rule, found.keys) == ("late_event_loop", ("agents",)) and 4.0 in numbers(found.finding)
    found = the_one(reported=coordinator(loop_health={**held, "throttled_s": 0.1}))
    assert (found.rule, found.keys) == ("late_event_loop", ())


def test_a_coordinator_that_waits_for_a_cpu_is_told_from_a_blocked_loop() -> None:
    waits = {**LATE, "cpu_share": 0.2, "waited_for_cpu_s": 2.5}
    found = the_one(reported=coordinator(loop_health=waits))
    assert (found.rule, found.keys) == ("late_event_loop", ()) and 25 in numbers(found.finding)
    assert rules(reported=coordinator(loop_health={**waits, "cpu_share": 0.4})) == ["saturated"]
    busy = {"machine_load": {"busy": 0.95, "steal": 0.0}}
    blocked = the_one(reported=coordinator(loop_health={**waits, "waited_for_cpu_s": 0.5}), info=busy)
    assert blocked.remedy == the_one(reported=coordinator(loop_health={**LATE, "cpu_share": 0.2})).remedy
    assert blocked.remedy != found.remedy
    by_a_quota = {**waits, "throttled_s": waits["waited_for_cpu_s"]}
    found = the_one(reported=coordinator(loop_health=by_a_quota))
    assert (found.rule, found.keys) == ("late_event_loop", ("agents",))


def test_without_service_times_the_other_phases_are_enough() -> None:
    without = [replace(each, service_ms=None, adapter_ms=None) for each in STARVED]
    found = the_one(without, lookups(900, 0.3))
    assert found.rule == "lookups_behind_blocking_calls" and found.share > 0.9
    phases = {**(question(1).phases_ms or {}), "sending": -99.0}
    impossible = [replace(question(n), adapter_ms=-95.0, service_ms=1e6, phases_ms=phases) for n in range(100)]
    assert given(impossible) == []


def test_a_millisecond_is_counted_once() -> None:
    both = [question(n, reused=False, resolving=500, connecting=100) for n in range(96)]
    said = given(both, {**lookups(480, 0.3), **{key: CHURN[key] for key in ("connections", "agents")}})
    assert {each.rule for each in said} == {"lookups_behind_blocking_calls", "churn_below_the_agents"}
    assert sum(each.share for each in said) <= 1
    assert sum(each.saves_ms or 0 for each in said) <= 608


def test_a_phase_without_a_rule_is_named() -> None:
    found = the_one([question(n, waiting=50) for n in range(100)])
    assert (found.rule, found.remedy, found.changes) == ("unexplained", "", ())
    assert "waiting" in found.finding and 50.0 in numbers(found.finding)


BEHIND = [question(n, agent=n % 4 + 1, late=10 * n) for n in range(100)]


def test_late_starts() -> None:
    """60 a second that take 108 ms each need 6.5 agents, and there are four."""
    found = the_one(BEHIND, agents=4, arrivals={"rate": 60})
    assert (found.rule, found.keys) == ("late_starts", ("dispatch.per_agent", "arrivals.rate"))
    assert numbers(found.finding) == [98, 100, 505.0, 60, 108, 6.5, 1, 4]
    assert found.changes[0].values == {"dispatch.per_agent": 3}  # 6.5 / 0.7 / 4
    assert found.changes[1].values == {"arrivals.rate": 26.0}  # 0.7 * 4 / 0.108
    assert found.saves_ms == pytest.approx(494.9)
    never = [replace(each, **stuck_in("late", 3000, "not_started")) for each in BEHIND[90:]]
    for health, rule in ((CALM, "late_starts"), (SATURATED, "saturated")):
        reported = coordinator(loop_health=health)
        said = given([*BEHIND[:90], *never], reported, agents=4, arrivals={"rate": 60})
        assert [(each.rule, each.failures) for each in said if each.failures] == [(rule, 10)]


@pytest.mark.parametrize(
    ("outcomes", "reported", "keys"),
    [
        (BEHIND, coordinator(), {}),
        ([question(n, late=1) for n in range(100)], coordinator(), {"arrivals": {"rate": 60}}),
        (BEHIND, coordinator(loop_health=SATURATED), {"arrivals": {"rate": 60}}),
        (BEHIND, coordinator(loop_health=LATE), {"arrivals": {"rate": 5}}),
    ],
    ids=["no intended start", "by timers alone", "saturated", "a late loop with free agents"],
)
def test_no_late_starts(outcomes: list[Outcome], reported: dict[str, Any], keys: dict[str, Any]) -> None:
    assert "late_starts" not in rules(outcomes, reported, **keys)


CASES: dict[str, Callable[[], list[Advice]]] = {
    "unknown_names": lambda: given(failing("connect_failed", cause="name_unknown", resolving=2)),
    "resolver_failures": lambda: given(failing("connect_failed", cause="name_temporary", resolving=2)),
    "exhausted_ports_or_files": lambda: given(failing("connect_failed", cause="no_local_port")),
    "refused_connections": lambda: given(failing("connect_failed", cause="refused")),
    "no_agreement_on_tls": lambda: given(failing("connect_failed", cause="tls")),
    "connections_closed_by_the_client": lambda: given(failing("connection_lost", cause="closed_by_client")),
    "connections_broken_by_agents": lambda: given(failing("connect_failed", cause="reset")),
    "redirects": lambda: given(failing("http_status", cause="redirect", http_status=307)),
    "agents_that_report_errors": lambda: given(failing("http_status", http_status=500)),
    "answers_that_break_the_protocol": lambda: given(failing("bad_response")),
    "silent_agents": lambda: given(
        [
            replace(each, agent=32 if each.error else each.agent % 31 + 1)
            for each in failing("connect_timeout", connecting=5e3)
        ]
    ),
    "full_listen_queue": lambda: given(failing("connect_timeout", connecting=5000)),
    "timeout_shorter_than_a_connect": lambda: given(failing("connect_timeout", connecting=300)),
    "timeout_shorter_than_the_service_time": lambda: given(LATE_ANSWERS),
    "agents_that_never_answer": lambda: given(
        [replace(each, agent=32 if each.error else each.agent % 31 + 1) for each in LATE_ANSWERS]
    ),
    "slow_bodies": lambda: given(failing("deadline", receiving=9000)),
    "forgotten_connections": lambda: given(FORGOTTEN),
    "leaked_slots": lambda: given([*HOLDING, *STUCK], FULL, client=SMALL),
    "new_client_for_each_question": lambda: given(
        [question(n, encode=30, connecting=5, reused=False) for n in range(100)],
        coordinator(connections={"opened": 100}),
        client={"topology": "per_question", "tls_context": "per_client"},
    ),
    "retries_of_connects_only": lambda: given(
        [question(1), *(lost(n, agent=3) for n in range(2, 9))], info={"workers": [{"agent": 3}]}, client={"retries": 3}
    ),
    "questions_asked_again_in_vain": lambda: given(
        [replace(each, attempts=3 if each.error else 1) for each in failing("http_status", http_status=500)]
    ),
    "large_messages": lambda: given(LARGE, workers={"answer_bytes": 2_000_000}),
    "cold_starts": lambda: given(COLD),
    "late_on_new_connections": lambda: given(SERVED_LATE),
    "delayed_acknowledgements": lambda: given(ACKED),
    "agents_that_queue": lambda: given(QUEUED),
    "silent_first_address": lambda: given(HEAD_START),
    "late_event_loop": lambda: given(reported=coordinator(loop_health={**LATE, "cpu_share": 0.04})),
    "agents_that_close_every_connection": lambda: given(ONE_AFTER_ANOTHER, CLOSING),
    "slow_agents": lambda: given(one_slow(500, 5)),
    "saturated": lambda: given([question(n, receiving=8) for n in range(100)], coordinator(loop_health=SATURATED)),
    "first_burst": lambda: given(
        [question(n, started=1000.0 if n < 32 else 1010.0 + n, waiting=60 if n < 32 else 1) for n in range(100)],
        coordinator(loop_health={**CALM, "cpu_s": 0.2}),
    ),
    "proxy_in_force": lambda: given(reported=coordinator(each={"elsewhere": 1}), client={"trust_env": True}),
    "tls_contexts_per_client": lambda: given(
        client={"topology": "per_agent", "tls_context": "per_client"},
        info={"client": {"clients": 32, "made_in_ms": 1234.0}},
    ),
    "stale_connections": lambda: given([question(1), lost(2, agent=3)], info={"workers": [{"agent": 3}]}),
    "agents_that_ask_for_less": lambda: given([question(1), refused(2, 3, "HTTP 503 No: ''")]),
    "lookups_behind_blocking_calls": lambda: given(STARVED, lookups(900, 0.3)),
    "lookups_behind_each_other": lambda: given(STARVED, lookups(250, 100, busy=0)),
    "slow_lookups": lambda: given(STARVED, lookups(1, 900)),
    "churn_below_the_agents": lambda: given(ON_NEW, CHURN),
    "eviction_below_the_agents": lambda: given(ON_NEW, EVICTING, client=SMALL),
    "expiry_shorter_than_the_pauses": lambda: given(paused(8.0, reused=False, connecting=2), CHURN, client=WIDE),
    "late_starts": lambda: given(BEHIND, agents=4, arrivals={"rate": 60}),
    "full_pool": lambda: given([question(n, blocked=40) for n in range(100)], FULL, client=SMALL),
}
"""For each rule, a run in which it applies."""


def test_every_rule_applies_somewhere_and_its_sentence_is_recorded() -> None:
    assert {check.__name__ for check in RULES} == set(CASES)
    said = {
        rule: [found.text for found in advice_on_it() if found.rule == rule] for rule, advice_on_it in CASES.items()
    }
    text = "".join(f"{rule}\n{texts[0]}\n\n" for rule, texts in said.items())
    if os.environ.get("FANOUT_WRITE_ADVICE"):
        SENTENCES.write_text(text, encoding="utf-8")
    assert text == SENTENCES.read_text(encoding="utf-8")


def test_no_rule_takes_an_unknown_count_for_0() -> None:
    """Without the count no further rule applies, and none raises an error."""
    for each in (CHURN, CLOSING, FULL, EVICTING):
        for outcomes in (ON_NEW, ONE_AFTER_ANOTHER, [question(n, blocked=40) for n in range(100)]):
            with_count = {found.rule for found in given(outcomes, each, client=SMALL)}
            for counter in COUNTERS:
                unknown = {
                    **each,
                    "connections": {**each["connections"], counter: None},
                    "agents": [{**row, counter: None} for row in each["agents"]],
                }
                assert set(rules(outcomes, unknown, client=SMALL)) <= with_count, counter


def addresses(*hosts: str) -> list[str]:
    return [f"http://{host}" for host in hosts]


def failures_of(said: Sequence[Advice]) -> dict[str, int]:
    return {found.rule: found.failures for found in said if found.failures}


def test_a_pool_that_was_never_full_is_not_blamed() -> None:
    lost = [replace(each, **stuck_in("blocked", 200, "deadline")) for each in (question(n) for n in range(10))]
    late = coordinator(loop_health={**LATE, "cpu_share": 0.1, "lag_ms": {"p50": 30.0, "p99": 200.0, "max": 250.0}})
    for limits in ({}, {"max_connections": "unlimited", "max_keepalive_connections": "unlimited"}):
        said = given([*lost, *(question(n) for n in range(10, 60))], late, client={"deadline_s": 0.2, "limits": limits})
        assert failures_of(said) == {"late_event_loop": 10}


@pytest.mark.parametrize("client", [{"topology": "per_question"}, {}])
def test_a_closer_cause_of_saturation_counts_its_failures(client: dict[str, Any]) -> None:
    some = [question(n, encode=20, sending=20, response_bytes=10**6, request_bytes=10**6) for n in range(60)]
    late = [replace(each, **stuck_in("waiting", 900, "read_timeout")) for each in some[:10]]
    health = {**SATURATED, "lag_ms": {"p50": 30.0, "p99": 600.0, "max": 900.0}}
    said = given([*some[10:], *late], coordinator(loop_health=health), client={"timeout_s": 1, **client})
    assert sum(failures_of(said).values()) == 10


def test_a_question_that_times_out_elsewhere_is_not_counted_in_a_queue() -> None:
    late = [replace(question(n, agent=3), **stuck_in("waiting", 1000, "read_timeout")) for n in range(5)]
    late = [replace(each, started=2100.0) for each in late]
    service = {"service_time": {"distribution": "constant", "value_s": 0.1}}
    answered = [question(n, agent=3, started=2000.0 + n) for n in range(20)]
    said = given([*QUEUED, *late, *answered], client={"timeout_s": 1}, workers=service)
    assert failures_of(said) == {"timeout_shorter_than_the_service_time": 5}


@pytest.mark.parametrize(("threads", "topology", "keys"), [(2, "per_agent", 32), (40, "shared", None)])
def test_more_threads_are_only_offered_if_they_are_more(threads: int, topology: str, keys: int | None) -> None:
    found = given(STARVED, lookups(250, 100, busy=0, threads=threads), client={"topology": topology})[0]
    offered = [change.values.get("coordinator.executor.threads") for change in found.changes]
    assert found.rule == "lookups_behind_each_other" and [each for each in offered if each] == ([keys] if keys else [])


def test_retries_that_helped_are_kept() -> None:
    some = failing("connect_failed", cause="refused")
    for not_opened, expected in ((40, ("client.retries",)), (400, None)):
        tried = coordinator(connections={"not_opened": not_opened})
        keys = {each.rule: each.keys for each in given(some, tried, client={"retries": 3})}
        assert keys.get("retries_of_connects_only") == expected
    half = [replace(each, attempts=2) for each in failing("http_status", http_status=500)]
    assert "questions_asked_again_in_vain" not in rules(half)  # nine in ten were answered at the second attempt


def test_changes_of_the_agents_take_their_faults_along() -> None:
    delay = {"kind": "delay", "delay_s": 1}
    faults = {"faults": [{**delay, "agents": [30]}, {**delay, "agents": [1, 20]}, delay]}
    silent = {"faults": [{"kind": "silent_agents", "agents": [3, 30]}]}
    found = the_one(reported=coordinator(loop_health=SATURATED), workers=faults, coordinator=silent)
    assert found.rule == "saturated"
    assert found.changes[0].values["workers.faults"] == [
        {**each, "share": 1.0} for each in ({**delay, "agents": [1]}, {**delay, "agents": None})
    ]
    three = addresses("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3")
    lost = [replace(question(n, agent=1), **stuck_in("connecting", 1, "connect_failed")) for n in range(5)]
    lost = [replace(each, error_cause="refused") for each in lost]
    some = [*lost, *(question(n, agent=n % 2 + 2) for n in range(20))]
    silent = {"faults": [{"kind": "silent_agents", "agents": [3]}]}
    found = given(some, coordinator(agents=3), {"agents": three}, agents=three, coordinator=silent, workers=None)[0]
    assert dict(found.changes[0].values) == {
        "agents": three[1:],
        "coordinator.faults": [{"kind": "silent_agents", "agents": [2]}],
    }


def test_addresses_take_the_place_of_names_unless_that_repeats_one() -> None:
    slow = {"faults": [{"kind": "slow_lookups", "delay_s": 1}]}
    for hosts, changed in (
        (("localhost:1/a", "localhost:2"), ["http://127.0.0.1:1/a", "http://127.0.0.1:2"]),
        (("localhost:1", "127.0.0.1:1"), None),
    ):
        two = addresses(*hosts)
        some = [replace(each, agent=n % 2 + 1) for n, each in enumerate(STARVED)]
        found = given(
            some, {**lookups(1, 900), "agents": []}, {"agents": two}, agents=two, coordinator=slow, workers=None
        )[0]
        assert found.rule == "slow_lookups"
        assert [change.values["agents"] for change in found.changes if "agents" in change.values] == (
            [changed] if changed else []
        )


def test_how_long_agents_elsewhere_work_is_known_from_their_answers() -> None:
    two = addresses("127.0.0.1:1", "127.0.0.1:2")
    late = [replace(question(n, agent=1, started=50.0), **stuck_in("waiting", 5000, "read_timeout")) for n in range(5)]
    slow = [question(n, agent=n % 2 + 1) for n in range(5, 60)]
    slow = [replace(each, service_ms=4500.0, round_trip_ms=4510.0) for each in slow]
    found = given([*late, *slow], coordinator(agents=2), {"agents": two}, agents=two, workers=None)[0]
    assert (found.rule, found.failures) == ("timeout_shorter_than_the_service_time", 5)
    assert 4.5 in numbers(found.finding)
