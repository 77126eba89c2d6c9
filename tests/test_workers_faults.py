"""Tests workers.faults: which questions get a fault, and that every kind of server supports every kind of fault."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from fanout.agents.handle import Agents
from fanout.protocols import QUESTION_ID_HEADER
from fanout.scenario import load_scenario
from fanout.scenario.faults import KINDS
from fanout.scenario.servers import SERVERS
from helpers.processes import run_through
from helpers.scenarios import MakeScenario, scenario_of
from workers.app import WARM_UP_HEADER
from workers.faults import fault_of

ENDS: dict[str, tuple[dict[str, Any], set[str | None]]] = {
    "delay": ({"delay_s": 0.05}, {None}),
    "redirect": ({}, {"http_status"}),
    "http_1_0": ({}, {None}),
    "status": ({"code": 503, "retry_after_s": 1}, {"http_status"}),
    "reset_after_headers": ({}, {"connection_lost"}),
    "close_after_response": ({}, {None}),
    "truncated_body": ({}, {"connection_lost"}),
    "wrong_length": ({"by_bytes": -10}, {"bad_response"}),
    "dripping_body": ({"interval_s": 0.1}, {"deadline"}),
    "cold_start": ({"delay_s": 0.05}, {None}),
    "one_at_a_time": ({}, {None}),
    "no_service_time": ({}, {None}),
    "wrong_service_time": ({"times": 2}, {None}),
    "no_answer": ({}, {"read_timeout"}),
    "not_json": ({}, {"bad_response"}),
    "wrong_shape": ({}, {"bad_response"}),
    "deep_nesting": ({"depth": 10_000}, {"bad_response"}),
    "not_utf8": ({}, {"bad_response"}),
    "huge_body": ({"size_bytes": 2**40}, {"too_large"}),
    "second_response": ({}, {None}),
    "crash": ({"exit_status": 3}, {"connection_lost"}),
    "hang": ({}, {"read_timeout"}),
    "reset_on_accept": ({}, {"connection_lost", "connect_failed"}),
    "slow_accept": ({"delay_s": 0.05}, {None}),
    "full_backlog": ({}, {"connect_timeout"}),
}
"""The keys of each kind of fault, and the possible error kinds of a question to such an agent."""


@pytest.mark.process
@pytest.mark.parametrize(
    ("server", "tls"),
    [("gevent", True), *((server, tls) for server in SERVERS if server != "gevent" for tls in (False, True))],
)
def test_every_server_can_do_every_harm_that_scenarios_allow(server: str, tls: bool, tmp_path: Path) -> None:
    """An agent for each fault, and one question for each agent."""
    needy = {get_args(fault.model_fields["kind"].annotation)[0] for fault in KINDS if fault.needs_sockets}
    kinds = [kind for kind in ENDS if SERVERS[server].gives_sockets or kind not in needy]
    each = [{"kind": kind, **ENDS[kind][0], "agents": [n]} for n, kind in enumerate(kinds, 1)]
    client = {"timeout_s": 1, "deadline_s": 2, "max_response_bytes": 100_000}
    workers = {"server": server, "tls": tls, "faults": each}
    ran = run_through(scenario_of(agents=len(kinds), questions=len(kinds), client=client, workers=workers), tmp_path)
    ends = {outcome.agent: outcome.error_kind for outcome in ran.outcomes}
    for agent, kind in enumerate(kinds, 1):
        assert ends[agent] in ENDS[kind][1], kind
    (death,) = ran.counts.deaths
    assert (kinds[death.agent - 1], death.how) == ("crash", "exit status 3")


HANGS = """
import os, select, threading
from fanout.scenario.faults import KINDS

class Request:
    def close(self):  # called right after the process is stopped
        os.write(1, b"went on")

(hang,) = [fault(kind="hang") for fault in KINDS if fault.stops_the_process]
threading.Thread(target=hang.inject, args=(Request(),), daemon=True).start()
select.select([0], [], [], 10)
"""


@pytest.mark.process
@pytest.mark.parametrize("time", range(10))
def test_a_process_that_hangs_does_nothing_more_in_any_thread(time: int) -> None:
    """Runs ten times: a signal sent to the whole process often lets the sending thread continue for a moment."""
    with subprocess.Popen([sys.executable, "-c", HANGS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            _, status = os.waitpid(process.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)
        finally:
            process.kill()
        assert process.stdout.read() == b""


STATUS = {"kind": "status", "code": 503, "retry_after_s": 7}


@pytest.fixture
def refusing(make_scenario: MakeScenario) -> Iterator[str]:
    """The address of an agent that refuses every question."""
    file = make_scenario(agents=1, workers={"faults": [STATUS]})
    with Agents(load_scenario(file), file) as agents:
        yield agents.addresses[0]


@pytest.mark.process
def test_faults_are_injected_into_questions_only(refusing: str) -> None:
    with httpx.Client(trust_env=False, base_url=refusing) as client:
        question: dict[str, Any] = {"params": {"message": {"parts": [{"text": "?"}]}}}
        for headers, status in (
            ({QUESTION_ID_HEADER: "1"}, 503),
            ({}, 200),
            ({QUESTION_ID_HEADER: "1", WARM_UP_HEADER: "1"}, 200),
        ):
            response = client.post("/message", json=question, headers=headers)
            assert response.status_code == status
        below = client.post("/agents/a/b/message", json=question, headers={QUESTION_ID_HEADER: "1"})
        assert below.status_code == 503
        response = client.post("/message", json=question, headers={QUESTION_ID_HEADER: "1"})
        assert (response.headers["retry-after"], response.reason_phrase) == ("7", "Service Unavailable")
        assert client.get("/health", headers={QUESTION_ID_HEADER: "1"}).status_code == 200


@pytest.mark.process
def test_a_status_above_a_rate_refuses_only_what_exceeds_it(make_scenario: MakeScenario) -> None:
    file = make_scenario(agents=1, workers={"faults": [{**STATUS, "above_per_s": 3}]})
    question: dict[str, Any] = {"params": {"message": {"parts": [{"text": "?"}]}}}
    with (
        Agents(load_scenario(file), file) as agents,
        httpx.Client(trust_env=False, base_url=agents.addresses[0]) as client,
    ):
        ask = functools.partial(client.post, "/message", json=question)
        first = [ask(headers={QUESTION_ID_HEADER: str(n)}).status_code for n in range(5)]
        time.sleep(1.05)
        assert [*first, ask(headers={QUESTION_ID_HEADER: "5"}).status_code] == [200, 200, 200, 503, 503, 200]


def test_seed_and_question_decide_which_questions_get_a_fault() -> None:
    def faulty(**keys: Any) -> set[int]:
        scenario = scenario_of(**{"seed": 1, "workers": {"faults": [{**STATUS, "share": 0.3}]}, **keys})
        return {n for n in range(1000) if fault_of(scenario, 1, str(n)) is not None}

    assert faulty() == faulty()
    assert 240 < len(faulty()) < 360
    assert faulty() != faulty(seed=2)
    assert len(faulty(workers={"faults": [STATUS]})) == 1000


def test_the_first_fault_that_applies_decides_and_only_for_its_agents() -> None:
    each = [{"kind": "no_answer", "agents": [2]}, {**STATUS, "share": 0.5}, {"kind": "hang", "agents": [3]}]
    scenario = scenario_of(workers={"faults": [*each, {"kind": "slow_accept", "delay_s": 1}]})

    def kinds(agent: int) -> set[str | None]:
        found = [fault_of(scenario, agent, str(number)) for number in range(100)]
        return {None if fault is None else type(fault).__name__ for fault in found}

    assert kinds(1) == {"HttpStatus", None}
    assert kinds(2) == {"NoAnswer"}
    assert kinds(3) == {"HttpStatus", "Hang"}


def test_two_faults_with_shares_are_drawn_independently() -> None:
    each = [{"kind": "not_json", "share": 0.5}, {"kind": "not_utf8", "share": 0.5}]
    scenario = scenario_of(workers={"faults": each})
    found = [fault_of(scenario, 1, str(number)) for number in range(400)]
    assert {None, "not_json", "not_utf8"} == {fault and fault.kind for fault in found}
