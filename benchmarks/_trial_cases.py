"""The cases of advice_trial.py: for each rule a scenario with its fault, and scenarios without one."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fanout.scenario import overlay

Keys = Mapping[str, Any]

BASE: Keys = {
    "name": "trial",
    "protocol": "a2a",
    "agents": 8,
    "questions": 96,
    "client": {"timeout_s": 1, "deadline_s": 3},
    "dispatch": {"on_failure": "continue"},  # so that a run in which all questions fail is short
    "workers": {
        "host": "127.0.0.1",
        "service_time": {"distribution": "lognormal", "median_s": 0.02, "sigma": 0.3},
    },
}
"""The scenario that each case changes."""
BY_NAME: Keys = {"workers": {"host": "localhost"}}
ALWAYS_NEW: Keys = {"client": {"limits": {"max_keepalive_connections": 0}}}
SHORT_PAUSES: Keys = {"coordinator": {"pause_s": 0.1}}


@dataclass(frozen=True)
class Case:
    """A fault that one rule must name."""

    scenario: Keys
    """Changes to BASE."""
    cured: Mapping[str, Any] | None = None
    """The remedy where it isn't in the advice, as values for keys, which are paths; else its changes are made."""
    environment: Mapping[str, str] = field(default_factory=dict)
    first: bool = True
    """Whether the rule accounts for most of the run, so that its advice comes first."""
    trusts: bool = True
    """Whether clients trust the certificate of agents that use TLS."""
    absent: tuple[int, ...] = ()
    """Agents, counted from 1, in whose place nothing listens."""
    origin: bool = False
    """Whether one process is all agents, each at a path of its own."""
    local_ports: int | None = None
    """How many local ports the system has; None means as many as usual."""


def merged(*parts: Keys) -> dict[str, Any]:
    """Mappings merged key by key, as `extends` does."""
    return functools.reduce(overlay, map(dict, parts), {})


def agents_with(*faults: Keys, **keys: Keys | int) -> Keys:
    return merged({"workers": {"faults": list(faults)}}, keys)


def loop_with(fault: Keys, **keys: Keys | int) -> Keys:
    return merged({"coordinator": {"faults": [fault]}}, keys)


CASES: dict[str, Case] = {
    # failed questions
    "connections_closed_by_the_client": Case(
        merged(
            SHORT_PAUSES,
            loop_with(
                {"kind": "blocking_call", "call_s": 0.02},
                client={"limits": {"keepalive_expiry_s": 0.3, "max_keepalive_connections": 32}},
                agents=32,
                questions=160,
            ),
        ),
        first=False,
    ),
    "unknown_names": Case(
        merged(BY_NAME, loop_with({"kind": "failing_lookups", "temporary": False, "share": 0.5})),
        cured={"coordinator.faults": []},
    ),
    "resolver_failures": Case(merged(BY_NAME, loop_with({"kind": "failing_lookups", "share": 0.5}))),
    "exhausted_ports_or_files": Case(
        merged(ALWAYS_NEW, {"agents": 2, "questions": 400, "workers": {"service_time": {"median_s": 0.002}}}),
        local_ports=60,
    ),
    "proxy_in_force": Case({"client": {"trust_env": True}}, environment={"HTTP_PROXY": "http://127.0.0.1:9"}),
    "leaked_slots": Case(
        {
            "agents": 32,
            "questions": 200,
            "client": {
                "limits": {"max_connections": 8, "max_keepalive_connections": 8},
                "timeout_s": 0.6,
                "deadline_s": 0.6,
            },
            "workers": {"service_time": {"distribution": "lognormal", "median_s": 0.54, "sigma": 0.05}},
        }
    ),
    "lookups_behind_blocking_calls": Case(
        merged(BY_NAME, ALWAYS_NEW, {"coordinator": {"executor": {"threads": 2, "blocking_calls": "per_question"}}})
    ),
    "lookups_behind_each_other": Case(
        merged(
            BY_NAME,
            ALWAYS_NEW,
            loop_with({"kind": "slow_lookups", "delay_s": 0.05}, coordinator={"executor": {"threads": 2}}),
        )
    ),
    "slow_lookups": Case(
        merged(
            BY_NAME,
            ALWAYS_NEW,
            loop_with({"kind": "slow_lookups", "delay_s": 0.1}, coordinator={"executor": {"threads": 16}}),
        )
    ),
    "silent_agents": Case(loop_with({"kind": "silent_agents", "agents": [2]})),
    "full_listen_queue": Case(
        merged(
            ALWAYS_NEW, agents_with({"kind": "full_backlog", "share": 0.4}, client={"timeout_s": 5, "deadline_s": 10})
        )
    ),
    "timeout_shorter_than_a_connect": Case(
        merged(ALWAYS_NEW, agents_with({"kind": "full_backlog", "share": 0.2}, client={"timeout_s": {"connect": 0.3}}))
    ),
    "no_agreement_on_tls": Case({"workers": {"tls": True}}, cured={}, trusts=False),
    "refused_connections": Case({}, cured={}, absent=(2,)),
    "forgotten_connections": Case(agents_with({"kind": "forget_idle", "idle_s": 0.05}, **SHORT_PAUSES)),
    "agents_that_never_answer": Case(agents_with({"kind": "no_answer", "agents": [2]})),
    "timeout_shorter_than_the_service_time": Case(
        {"client": {"timeout_s": 0.1}, "workers": {"service_time": {"median_s": 0.1, "sigma": 0.2}}}
    ),
    "timeout_shorter_than_the_service_time: by the deadline": Case(
        {
            "client": {"timeout_s": "none", "deadline_s": 0.1},
            "workers": {"service_time": {"median_s": 0.1, "sigma": 0.2}},
        }
    ),
    "slow_bodies": Case(
        agents_with({"kind": "dripping_body", "agents": [2], "interval_s": 0.02}, client={"deadline_s": 1})
    ),
    "stale_connections": Case(agents_with({"kind": "close_when_idle", "idle_s": 0.102}, **SHORT_PAUSES)),
    "connections_broken_by_agents": Case(agents_with({"kind": "reset_after_headers", "agents": [2], "share": 0.5})),
    "redirects": Case(agents_with({"kind": "redirect", "share": 0.5})),
    "agents_that_ask_for_less": Case(
        agents_with({"kind": "status", "code": 429, "retry_after_s": 1, "above_per_s": 3})
    ),
    "agents_that_report_errors": Case(agents_with({"kind": "status", "code": 500, "share": 0.3})),
    "answers_that_break_the_protocol": Case(agents_with({"kind": "not_json", "share": 0.3})),
    "retries_of_connects_only": Case(
        agents_with({"kind": "close_when_idle", "idle_s": 0.102}, client={"retries": 3}, **SHORT_PAUSES), first=False
    ),
    "questions_asked_again_in_vain": Case(
        agents_with({"kind": "status", "code": 500}, dispatch={"retry": 2}), first=False
    ),
    "connections_broken_by_agents: on accept": Case(agents_with({"kind": "reset_on_accept", "agents": [2]})),
    "lookups_behind_blocking_calls: longer than the timeout": Case(
        merged(
            BY_NAME,
            ALWAYS_NEW,
            {
                "coordinator": {"executor": {"threads": 2, "blocking_calls": "per_question"}},
                "client": {"timeout_s": {"connect": 0.03}},
                "workers": {"service_time": {"median_s": 0.06}},
            },
        )
    ),
    "slow_lookups: longer than the timeout": Case(
        merged(BY_NAME, loop_with({"kind": "slow_lookups", "delay_s": 0.2}, client={"timeout_s": 0.1}))
    ),
    # the pool
    "churn_below_the_agents": Case({"client": {"limits": {"max_keepalive_connections": 3}}}),
    "churn_below_the_agents: no service times": Case(
        agents_with({"kind": "no_service_time"}, client={"limits": {"max_keepalive_connections": 0}})
    ),
    "churn_below_the_agents: one origin": Case({"client": {"limits": {"max_keepalive_connections": 3}}}, origin=True),
    "eviction_below_the_agents": Case(
        merged(
            SHORT_PAUSES,
            {
                "client": {"limits": {"max_connections": 6, "max_keepalive_connections": 6}},
                "workers": {"service_time": {"median_s": 0.005}},
            },
        )
    ),
    "expiry_shorter_than_the_pauses": Case(merged(SHORT_PAUSES, {"client": {"limits": {"keepalive_expiry_s": 0.05}}})),
    "full_pool": Case({"client": {"limits": {"max_connections": 3, "max_keepalive_connections": 3}}}),
    "full_pool: longer than the timeout": Case(
        {
            "client": {
                "limits": {"max_connections": 2, "max_keepalive_connections": 2},
                "timeout_s": {"connect": 1, "read": 1, "write": 1, "pool": 0.05},
            }
        }
    ),
    "new_client_for_each_question": Case({"client": {"topology": "per_question", "tls_context": "per_client"}}),
    # agents and the way to them
    "silent_first_address": Case(merged(BY_NAME, ALWAYS_NEW, loop_with({"kind": "silent_first_address"}))),
    "agents_that_close_every_connection": Case(agents_with({"kind": "close_after_response"})),
    "agents_that_close_every_connection: HTTP/1.0": Case(agents_with({"kind": "http_1_0"})),
    "agents_that_close_every_connection: Flask's own server": Case({"workers": {"server": "werkzeug"}}),
    "cold_starts": Case(agents_with({"kind": "cold_start", "delay_s": 0.5, "agents": [2, 5]}, questions=400)),
    "cold_starts: all agents": Case(agents_with({"kind": "cold_start", "delay_s": 0.5})),
    "cold_starts: longer than the timeout": Case(
        agents_with({"kind": "cold_start", "delay_s": 0.7}, client={"timeout_s": 0.3}, questions=400)
    ),
    "agents_that_queue: longer than the timeout": Case(
        agents_with({"kind": "one_at_a_time"}, dispatch={"per_agent": 8}, client={"timeout_s": 0.13}, agents=4)
    ),
    "agents_that_queue: one origin": Case(agents_with({"kind": "one_at_a_time"}), origin=True),
    "agents_that_queue": Case(agents_with({"kind": "one_at_a_time"}, dispatch={"per_agent": 4})),
    "delayed_acknowledgements": Case(agents_with({"kind": "delayed_ack", "agents": [2]})),
    "delayed_acknowledgements: all agents": Case(agents_with({"kind": "delayed_ack"})),
    "late_on_new_connections": Case(
        agents_with({"kind": "slow_accept", "delay_s": 0.1}, {"kind": "http_1_0", "share": 0.3})
    ),
    "large_messages": Case({"agents": 3, "workers": {"answer_bytes": 2_000_000}}),
    "slow_agents: one of two": Case(
        agents_with({"kind": "delay", "delay_s": 0.15, "agents": [2]}, {"kind": "no_service_time"}, agents=2)
    ),
    "slow_agents": Case(agents_with({"kind": "delay", "delay_s": 0.15, "agents": [2]}, agents=4)),
    # the coordinator
    "first_burst": Case(
        {
            "agents": 64,
            "questions": 128,
            "client": {"limits": {"max_keepalive_connections": 64}},
            "workers": {"service_time": {"median_s": 0.3, "sigma": 0.3}},
        }
    ),
    "saturated": Case(
        {
            "agents": 40,
            "questions": 2000,
            "client": {"limits": {"max_keepalive_connections": 40}},
            "workers": {"service_time": {"median_s": 0.02}},
        }
    ),
    "late_event_loop": Case(loop_with({"kind": "blocking_call", "call_s": 0.03})),
    "late_event_loop: now and then": Case(
        loop_with({"kind": "blocked_loop", "block_s": 0.2, "every_s": 0.5}, questions=300)
    ),
    "late_event_loop: longer than the timeout": Case(
        merged(
            ALWAYS_NEW,
            loop_with(
                {"kind": "blocked_loop", "block_s": 0.5, "every_s": 0.7}, client={"timeout_s": 0.2}, questions=300
            ),
        )
    ),
    "late_starts": Case({"agents": 2, "questions": 200, "arrivals": {"rate": 150}}),
    "late_starts: longer than the deadline": Case(
        {
            "agents": 2,
            "questions": 200,
            "arrivals": {"rate": 150, "pattern": "poisson"},
            "client": {"timeout_s": 0.5, "deadline_s": 0.5},
        }
    ),
    "tls_contexts_per_client": Case({"client": {"topology": "per_agent", "tls_context": "per_client"}}, first=False),
    # no rule applies, and the phase is named
    "unexplained": Case(agents_with({"kind": "delay", "delay_s": 0.1}), cured={"workers.faults": []}),
}
"""By the rule that must be named, and what is special about the case."""

HEALTHY: dict[str, Keys] = {
    "shared": {},
    "by name": BY_NAME,
    "one client for each agent": {"client": {"topology": "per_agent"}},
    "several in flight": {"dispatch": {"per_agent": 2}, "client": {"limits": {"max_keepalive_connections": 16}}},
    "pauses": SHORT_PAUSES,
    "arrivals": {"arrivals": {"rate": 60, "pattern": "poisson"}},
    "TLS": {"workers": {"tls": True}},
    "AGORA": {"protocol": "agora"},
    "ANP": {"protocol": "anp"},
    "blocking calls": {"coordinator": {"executor": {"threads": 16, "blocking_calls": "per_question"}}},
    "no service times": agents_with({"kind": "no_service_time"}),
    "impossible service times": agents_with({"kind": "wrong_service_time", "times": 1000}),
}
"""Scenarios in which nothing is wrong."""
