"""fanout.analysis.advice: each rule in a run where it fires and gives the numbers, and in ones where it must not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fanout.analysis.advice import Advice, advise
from fanout.analysis.advice._facts import RULES
from fanout.outcome import Outcome
from fanout.runs.reader import Run
from fanout.runs.schema import COUNTERS
from helpers.runs import AGENTS, CALM, coordinator, frame_of, info_of, question
from helpers.scenarios import scenario_of

DEATH = {"at": 1.0, "how": "SIGKILL", "restarted": False}


def given(
    outcomes: Sequence[Outcome] | None = None, told: dict[str, Any] | None = None, info: dict[str, Any] | None = None,
    **keys: Any,
) -> list[Advice]:  # fmt: skip
    scenario = scenario_of(**{"agents": AGENTS, **keys})
    known = {"coordinators": [told or coordinator()], "agents": [f"http://localhost:{n}" for n in range(AGENTS)]}
    outcomes = [question(n) for n in range(100)] if outcomes is None else outcomes
    said = advise(Run(Path("results/x"), scenario, info_of(**{**known, **(info or {})}), frame_of(outcomes)))
    assert [found.share for found in said] == sorted((found.share for found in said), reverse=True)
    return said


def advice(*args: Any, **keys: Any) -> list[str]:
    return [found.text for found in given(*args, **keys)]


def test_a_good_run_needs_none() -> None:
    assert advice() == []
    assert advice([]) == []


def test_a_run_of_an_older_version_gets_none() -> None:
    old = Outcome("1", 1, 1, 1, "ok", round_trip_ms=20.0, service_ms=15.0, adapter_ms=5.0)
    assert advice([old], info={"coordinators": [{"coordinator": 1, "connections_opened": 4}]}) == []


CHURN = coordinator(each={"opened": 3, "closed_by_us": 3})
ON_NEW = [question(n, reused=False, connecting=5) for n in range(96)]


def test_churn_below_the_agents() -> None:
    (said,) = advice(ON_NEW, CHURN)
    assert said == (
        "96 connections were opened for 96 questions because max_keepalive_connections=20 is below 32 agents, and the "
        "96 questions on a new one spent 6.00 ms on it on average: raise it to 32 or more, or use one client per agent"
    )


@pytest.mark.parametrize(
    ("told", "client"),
    [
        (CHURN, {"limits": {"max_keepalive_connections": 32}}),
        (CHURN, {"limits": {"max_keepalive_connections": "unlimited"}}),
        (CHURN, {"topology": "per_agent"}),
        (coordinator(), {}),
        (coordinator(each={"opened": 3, "closed_by_us": 0}), {}),
    ],
    ids=["large enough", "unlimited", "a client per agent", "all kept", "not closed by us"],
)
def test_no_churn_below_the_agents(told: dict[str, Any], client: dict[str, Any]) -> None:
    assert not [said for said in advice(ON_NEW, told, client=client) if "max_keepalive_connections" in said]


def paused(pause_s: float, **keys: Any) -> list[Outcome]:
    """Three questions to each agent, so long after the last one's answer."""
    return [
        question(100 * turn + agent, agent=agent, started=1000 + agent + turn * (0.108 + pause_s), **keys)
        for turn in range(3)
        for agent in range(1, AGENTS + 1)
    ]


WIDE = {"limits": {"max_connections": 1000, "max_keepalive_connections": 200, "keepalive_expiry_s": 5}}


def test_expiry_shorter_than_the_pauses() -> None:
    (said,) = advice(paused(8.0, reused=False, connecting=2), CHURN, client=WIDE)
    assert said.startswith(
        "64 of 96 questions found their connection expired, because keepalive_expiry_s=5 is shorter than the pause "
        "before them (8.00 s in the median), and the 96 questions on a new one spent 3.00 ms on it on average: raise it"
    )
    assert said.endswith("over 8.00 s")


def test_an_expiry_of_nought_keeps_nothing() -> None:
    client = {"limits": {**WIDE["limits"], "keepalive_expiry_s": 0}}
    (said,) = advice(paused(0.01, reused=False), CHURN, client=client)
    assert "because keepalive_expiry_s=0 keeps none, and" in said and said.endswith("leave it out")


def test_what_is_closed_before_does_not_expire() -> None:
    said = advice(paused(8.0, reused=False), CHURN)  # the default limits keep 20 for 32 agents
    assert not [text for text in said if "expired" in text]
    closing = coordinator(each={"opened": 3, "closed_by_peer": 3})
    assert not [text for text in advice(paused(8.0, reused=False), closing, client=WIDE) if "expired" in text]


@pytest.mark.parametrize(
    ("pause_s", "reused", "expiry_s"),
    [(3.0, False, 5), (8.0, True, 5), (8.0, False, 60), (8.0, False, "unlimited")],
    ids=["short pauses", "kept all the same", "longer expiry", "no expiry"],
)
def test_no_expiry_shorter_than_the_pauses(pause_s: float, reused: bool, expiry_s: Any) -> None:
    client = {"limits": {**WIDE["limits"], "keepalive_expiry_s": expiry_s}}
    assert advice(paused(pause_s, reused=reused), client=client) == []


SMALL = {"limits": {"max_connections": 8, "max_keepalive_connections": 8}}
FULL = coordinator(connections={"max_in_pool": 8})
EVICTING = coordinator(each={"opened": 3, "closed_by_us": 3}, connections={"max_in_pool": 8})


def test_eviction_below_the_agents() -> None:
    (said,) = advice(ON_NEW, EVICTING, client=SMALL)
    assert said.startswith(
        "96 connections were opened for 96 questions because max_connections=8 is below 32 agents, so"
    )
    assert said.endswith("raise it and max_keepalive_connections to 32 or more")


def test_no_eviction_from_a_pool_with_room() -> None:
    assert advice(ON_NEW, EVICTING, client={"limits": {"max_connections": 32, "max_keepalive_connections": 32}}) == []


def test_churn_of_a_client_per_agent_that_keeps_nothing() -> None:
    client = {"topology": "per_agent", "limits": {"max_keepalive_connections": 0}}
    (said,) = advice(ON_NEW, coordinator(each={"opened": 3, "closed_by_us": 3, "max_in_pool": 1}), client=client)
    assert "max_keepalive_connections=0 is below 1 agent, and" in said and said.endswith("raise it to 1 or more")


def test_a_client_per_agent_is_not_full_because_all_of_them_are() -> None:
    client = {"topology": "per_agent", **SMALL}
    told = coordinator(each={"max_in_pool": 1, "max_in_flight": 1})
    assert advice([question(n, blocked=40) for n in range(100)], told, client=client) == []


def test_full_pool() -> None:
    (said,) = advice([question(n, blocked=40 if n % 2 else 0.1) for n in range(100)], FULL, client=SMALL)
    assert said == (
        "50 of 100 questions waited 40.0 ms on average for a free connection, because max_connections=8 is below 32 "
        "questions in flight: raise it to 32 or more"
    )


def test_a_full_pool_that_questions_gave_up_on() -> None:
    failed = [Outcome(str(n), 1, 1, 1, "failed", "pool_timeout", "no free connection") for n in range(7)]
    (said,) = advice(failed, FULL, client=SMALL)
    assert "and 7 more gave up waiting" in said


@pytest.mark.parametrize(
    ("blocked", "told", "client"),
    [(40, coordinator(), {}), (40, FULL, {"limits": {"max_connections": "unlimited"}}), (0.1, FULL, SMALL)],
    ids=["room in the pool", "no limit", "nobody waited"],
)
def test_no_full_pool(blocked: float, told: dict[str, Any], client: dict[str, Any]) -> None:
    assert not [
        s for s in advice([question(n, blocked=blocked) for n in range(100)], told, client=client) if "free" in s
    ]


def lookups(queued_ms: float, took_ms: float, busy: int = 24) -> dict[str, Any]:
    return coordinator(
        lookups={"count": 100, "queued_ms": {"mean": queued_ms, "max": 9e3}, "took_ms": {"mean": took_ms, "max": 9e3}},
        executor={"threads": 24, "blocking_calls": 100, "max_busy_threads": busy},
    )


STARVED = [question(n, resolving=1450 if n < 62 else 0.2) for n in range(100)]


def test_lookups_behind_blocking_calls() -> None:
    (said,) = advice(STARVED, lookups(900, 0.3))
    assert said == (
        "62 of 100 questions waited 1.45 s on average for a name lookup behind 24 busy executor threads (of 24); the "
        "lookup itself took 0.30 ms: connect by IP address, give the blocking calls or the resolver an executor of "
        "their own, or open fewer connections"
    )


def test_lookups_that_questions_gave_up_on() -> None:
    failed = [
        Outcome(str(n), 1, 1, 1, "failed", "connect_timeout", "not connected within 10 s", phases_ms={"resolving": 1e4})
        for n in range(18)
    ]
    (said,) = advice([*(question(n) for n in range(82)), *failed], lookups(1, 0.3))
    assert "(of 24), and 18 more were not connected in time because of it; the lookup itself took 0.30 ms" in said


@pytest.mark.parametrize("busy", [0, 3])
def test_lookups_behind_each_other(busy: int) -> None:
    (said,) = advice(STARVED, lookups(250, 100, busy=busy))
    assert said.startswith(
        "name lookups waited 250 ms on average for each other: one takes 100 ms, and the executor has 24"
    )


def test_slow_lookups() -> None:
    (said,) = advice(STARVED, lookups(1, 900))
    assert said.startswith(
        "62 of 100 questions spent 1.45 s on average on a name lookup, since a lookup is slow by itself"
    )


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        (STARVED, coordinator()),
        ([question(n) for n in range(100)], lookups(900, 0.3)),
        (STARVED, lookups(0.1, 0.3)),
    ],
    ids=["no lookup", "nobody waited", "at once"],
)
def test_no_lookup_is_to_blame(outcomes: list[Outcome], told: dict[str, Any]) -> None:
    assert not [said for said in advice(outcomes, told) if "lookup" in said]


CLOSING = coordinator(each={"opened": 3, "closed_by_peer": 3})


ANNOUNCING = coordinator(each={"opened": 3, "closed_by_peer": 3, "closes_announced": 3})
AT_ONCE = [question(n, reused=False, started=n / 1000, connection=f"1-{n}") for n in range(96)]


def test_agents_that_close_every_connection() -> None:
    (said,) = advice(AT_ONCE, CLOSING)
    assert said.startswith(
        "agents 1, 2, 3, 4, 5 and 27 more closed each connection after one answer, so that no setting of"
    )


@pytest.mark.parametrize("outcomes", [AT_ONCE, paused(0.1, reused=False)], ids=["at once", "between rounds"])
def test_agents_that_announce_to_close_every_connection(outcomes: list[Outcome]) -> None:
    (said,) = advice(outcomes, ANNOUNCING)
    assert "closed each connection after one answer, and said so (Connection: close): no setting of the client" in said


@pytest.mark.parametrize(("pause_s", "told"), [(0.02, "20.0 ms"), (4.0, "4.00 s")])
def test_agents_that_may_have_closed_idle_connections(pause_s: float, told: str) -> None:
    (said,) = advice(paused(pause_s, reused=False), CLOSING)
    assert f"after one answer, or in the pause that followed ({told} in the median): raise their server's" in said


def test_it_is_their_own_pauses_that_tell_why_agents_close_connections() -> None:
    at_once = [question(1000 + n, agent=3, started=5000 + n * 0.109) for n in range(200)]
    (said,) = advice([*paused(4.0, reused=False), *at_once], CLOSING)
    assert said.startswith(
        "agents 1, 2, 4, 5, 6 and 26 more closed each connection after one answer, or in the pause that f"
    )
    assert "(4.00 s in the median)" in said


def test_agents_that_break_off_without_an_answer_are_another_matter() -> None:
    failed = [
        Outcome(str(n), 1, 1, n % AGENTS + 1, "failed", "connection_lost", "broke off", connection=f"1-{n}")
        for n in range(96, 192)
    ]
    assert advice(failed, CLOSING) == []
    assert advice(AT_ONCE, coordinator(each={"opened": 6, "closed_by_peer": 6}))
    assert advice([*AT_ONCE, *failed], coordinator(each={"opened": 6, "closed_by_peer": 5})) == []
    # What is lost on a connection that had answered is lost because the agent closed it.
    stale = [replace(outcome, connection=f"1-{n}") for n, outcome in enumerate(failed)]
    assert any("closed each connection" in said for said in advice([*AT_ONCE, *stale], CLOSING))


def test_agents_that_keep_connections_or_were_asked_once_close_none() -> None:
    assert advice([question(n, reused=False) for n in range(100)], coordinator(each={"closed_by_peer": 1})) == []
    assert advice([question(n) for n in range(32)], CLOSING) == []


def lost(number: int, *, receiving: float = 0.0, **keys: Any) -> Outcome:
    failed: dict[str, Any] = {"status": "failed", "error_kind": "connection_lost", "error": "-"}
    return replace(question(number, receiving=receiving), **{**failed, **keys})


def test_connections_that_the_agents_had_closed() -> None:
    some = [*(question(n) for n in range(97)), lost(97, agent=3), lost(98, agent=4), lost(99, agent=5)]
    (said,) = advice(some, info={"workers": [{"agent": 5, "deaths": [DEATH]}]})
    assert said.startswith("2 of 100 questions were lost without a word on connections to agents 3, 4 that had")
    assert "that the client keeps for 5 s: set keepalive_expiry_s below" in said


def test_what_breaks_on_a_new_connection_or_in_an_answer_or_with_its_agent_is_another_matter() -> None:
    some, alive = [question(n) for n in range(98)], {"workers": [{"agent": 3}]}
    assert advice([*some, lost(98, agent=3)], info=alive)
    assert advice([*some, lost(98, agent=3, reused=False)], info=alive) == []
    assert advice([*some, lost(98, agent=3, receiving=2.0)], info=alive) == []
    assert (
        advice(
            [*some, lost(98, agent=3)],
            info={"workers": [{"agent": 3, "deaths": [DEATH]}]},
        )
        == []
    )
    assert advice([*some, lost(98, agent=3)], info={"workers": None}) == []  # their fleet died


def refused(number: int, agent: int, error: str) -> Outcome:
    return replace(question(number, agent=agent), status="failed", error_kind="http_status", error=error)


def test_agents_that_ask_for_less() -> None:
    some = [question(n) for n in range(97)]
    (said,) = advice([*some, refused(97, 3, "HTTP 503 Service Unavailable (Retry-After: 2): ''")])
    assert said == (
        "agent 3 refused 1 of 98 questions for now (HTTP 503) and was asked again at once: wait as long as Retry-After "
        "says, or ask fewer at a time"
    )
    (said,) = advice([*some, *(refused(97 + n, 3 + n, f"HTTP {503 - 74 * n} No: ''") for n in range(2))])
    assert said.startswith(
        "agents 3, 4 refused 2 of 99 questions for now (HTTP 429 and 503) and were asked again at once"
    )
    assert "wait before the next question" in said
    assert advice([*some, refused(97, 3, "HTTP 500 Internal Server Error: 'HTTP 503 '")]) == []


SATURATED = {**CALM, "cpu_share": 0.97}
LATE = {**CALM, "lag_ms": {"p50": 2.0, "p99": 80.0, "max": 300.0}}


@pytest.mark.parametrize(
    ("health", "client", "busy", "words"),
    [
        (SATURATED, {}, 0.5, "coordinator 1 used 97% of a CPU, and questions queued for it: use one client per agent"),
        (LATE, {"topology": "per_agent"}, 0.5, "ran its timers 80.0 ms late (p99), and questions queued for it: share"),
        (LATE, {"topology": "per_agent"}, 0.95, "use a machine with more CPUs, or fewer agents"),
    ],
)
def test_saturated_coordinator(health: dict[str, Any], client: dict[str, Any], busy: float, words: str) -> None:
    outcomes = [question(n, receiving=8) for n in range(100)]
    load = {"machine_load": {"busy": busy, "steal": 0.0}}
    (said,) = advice(outcomes, coordinator(loop_health=health), load, client=client)
    assert words in said


def test_a_pool_that_holds_little_is_not_blamed() -> None:
    (said,) = advice([question(n, connecting=50) for n in range(100)], coordinator(loop_health=SATURATED))
    assert said.endswith("share the agents among more coordinator processes")


def test_one_question_at_a_time_can_t_queue() -> None:
    assert advice(told=coordinator(loop_health=SATURATED, connections={"max_in_flight": 1})) == []


def test_a_calm_coordinator_or_one_that_does_not_tell_is_not_saturated() -> None:
    assert advice(told=coordinator(loop_health={**CALM, "cpu_share": 0.79})) == []
    assert advice(told=coordinator(loop_health={"cpu_s": 0, "wall_s": 0, "cpu_share": None, "lag_ms": None})) == []


def one_slow(slow_ms: float, others_ms: float) -> list[Outcome]:
    return [question(n, waiting=slow_ms if n % AGENTS == 6 else others_ms) for n in range(100)]


def test_one_slow_agent() -> None:
    (said,) = advice(one_slow(500, 5))
    assert said == (
        "agent 7 (http://localhost:6) takes 503 ms a question besides thinking, mostly waiting, where the others take "
        "8.00 ms: look for the reason there, not in the client"
    )


def test_two_slow_agents() -> None:
    (said,) = advice([question(n, waiting=500 if n % AGENTS in (2, 6) else 5) for n in range(100)])
    assert said.startswith("agents 3, 7 take 503 ms a question besides thinking, mostly waiting")


@pytest.mark.parametrize(
    "outcomes",
    [
        one_slow(20, 5),
        one_slow(500, 400),
        [question(n, waiting=500 if n % 2 else 1) for n in range(100)],
        [question(n, blocked=500 if n % AGENTS == 6 else 1) for n in range(100)],
    ],
    ids=["a little", "all are slow", "many are slow", "it waited for something else"],
)
def test_no_slow_agent(outcomes: list[Outcome]) -> None:
    assert advice(outcomes) == []


def test_a_proxy_in_force() -> None:
    (said,) = advice(told=coordinator(each={"elsewhere": 1}), client={"trust_env": True})
    assert said.startswith(
        "32 of 32 connections led to a proxy, because client.trust_env is true and HTTP_PROXY or the"
    )


def test_a_proxy_that_nobody_can_reach() -> None:
    failed = [Outcome(str(n), 1, 1, 1, "failed", "connect_failed", "could not connect") for n in range(7)]
    info = {"client": {"proxies": ["http", "https"]}}
    (said,) = advice(failed, coordinator(each={"opened": 0}), info, client={"trust_env": True})
    assert said.startswith(
        "7 of 7 questions could not be connected, where client.trust_env is true and the environment"
    )
    assert "HTTP_PROXY, HTTPS_PROXY: set trust_env=False" in said


def test_no_proxy_in_force() -> None:
    assert advice(client={"trust_env": True}) == []
    assert advice(client={"trust_env": True}, info={"client": {"proxies": ["http"]}}) == []  # the agents bypass it


def test_tls_contexts_per_client() -> None:
    client = {"topology": "per_agent", "tls_context": "per_client"}
    (said,) = advice(client=client, info={"client": {"clients": 32, "made_in_ms": 1234.0}})
    assert said.startswith("making 32 clients took 1.23 s before the first question, because each built a TLS context")
    assert "even for http" in said
    assert advice(client=client, info={"client": {"clients": 2, "made_in_ms": 40.0}}) == []  # hardly worth a word


@pytest.mark.parametrize(("tls_context", "clients"), [("shared", 32), ("per_client", 1)])
def test_one_tls_context_is_no_matter(tls_context: str, clients: int) -> None:
    client = {"tls_context": tls_context}
    assert advice(client=client, info={"client": {"clients": clients, "made_in_ms": 50.0}}) == []


def test_the_first_burst() -> None:
    first = [question(n, started=1000.0 + n / 1000, waiting=60) for n in range(32)]
    rest = [question(n, started=1010.0 + n) for n in range(32, 100)]
    (said,) = advice(first + rest, coordinator(loop_health={**CALM, "cpu_s": 0.2}))
    assert said.startswith("the 32 questions with which the round begins hold 80% of the time (67.0 ms in the median")
    assert advice(first + rest, coordinator(loop_health={**CALM, "cpu_s": 0.02})) == []  # it was something else


def test_no_first_burst() -> None:
    first = [question(n, started=1000.0 + n / 1000) for n in range(32)]
    rest = [question(n, started=1010.0 + n) for n in range(32, 100)]
    assert advice(first + rest) == []  # no slower than the others
    assert advice([question(n, started=1000.0 + n / 1000, waiting=60) for n in range(32)]) == []  # there are no others


SPEAKING: dict[str, Callable[[], list[Advice]]] = {
    "agents_that_close_every_connection": lambda: given(AT_ONCE, CLOSING),
    "slow_agents": lambda: given(one_slow(500, 5)),
    "saturated": lambda: given([question(n, receiving=8) for n in range(100)], coordinator(loop_health=SATURATED)),
    "first_burst": lambda: given(
        [question(n, started=1000.0 if n < 32 else 1010.0 + n, waiting=60 if n < 32 else 1) for n in range(100)],
        coordinator(loop_health={**CALM, "cpu_s": 0.2}),
    ),
    "proxy_in_force": lambda: given(told=coordinator(each={"elsewhere": 1}), client={"trust_env": True}),
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
    "full_pool": lambda: given([question(n, blocked=40) for n in range(100)], FULL, client=SMALL),
}
"""For each rule a run in which it speaks."""


def test_every_rule_speaks_somewhere() -> None:
    advise_all = {rule: [found.rule for found in speak()] for rule, speak in SPEAKING.items()}
    assert {check.__name__ for check in RULES} == set(SPEAKING)
    assert [rule for rule, found in advise_all.items() if rule not in found] == []


@pytest.mark.parametrize("counter", COUNTERS)
def test_no_rule_reads_a_count_that_is_not_known_as_0(counter: str) -> None:
    """None speaks that wouldn't with the count, and none trips over it."""
    for each in (CHURN, CLOSING, FULL, EVICTING):
        unknown = {
            **each,
            "connections": {**each["connections"], counter: None},
            "agents": [{**row, counter: None} for row in each["agents"]],
        }
        for outcomes in (ON_NEW, AT_ONCE, [question(n, blocked=40) for n in range(100)]):
            with_count = {found.rule for found in given(outcomes, each, client=SMALL)}
            assert {found.rule for found in given(outcomes, unknown, client=SMALL)} <= with_count
