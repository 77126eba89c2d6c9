"""What holds for each server of the agents: connections, their idle time, sizes, TLS, and how its process ends."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import select
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gunicorn.config
import httpx
import hypercorn.config
import psutil
import pytest
import uvicorn.config

from fanout.agents.handle import Agents
from fanout.locust_plugin.problems import connection_problems
from fanout.processes.fd_limits import PER_PROCESS, needed_by_fleet
from fanout.protocols import QUESTION_ID_HEADER
from fanout.scenario.servers import SERVERS
from helpers.paths import ROOT
from helpers.processes import run_through, wait_until
from helpers.scenarios import scenario_of
from workers import server as code_of_servers

KEEPING = [name for name, server in SERVERS.items() if server.keeps_connections]
process = pytest.mark.process


@contextlib.contextmanager
def agent_with(directory: Path, **workers: Any) -> Iterator[Agents]:
    """An agent that answers immediately, with these settings."""
    service_time = {"distribution": "constant", "value_s": 0}
    scenario = scenario_of(agents=1, workers={"service_time": service_time, **workers})
    file = directory / "scenario.yaml"
    file.write_text(scenario.to_yaml(), encoding="utf-8")
    with Agents(scenario, file) as agents:
        yield agents


def client_of(agents: Agents, **options: Any) -> httpx.Client:
    verify = True if agents.ca_pem is None else ssl.create_default_context(cadata=agents.ca_pem)
    return httpx.Client(base_url=agents.addresses[0], trust_env=False, verify=verify, timeout=20, **options)


def question(text: str = "?") -> dict[str, Any]:
    return {"params": {"message": {"parts": [{"text": text}]}}}


def counts_of(agents: Agents) -> tuple[int, int]:
    """The connections accepted and the requests served."""
    counts = agents.counts()
    assert counts is not None
    return counts.accepted[0], counts.served


def test_the_table_has_each_server_s_own_defaults() -> None:
    assert set(SERVERS) == set(code_of_servers.SERVERS)
    own = {
        "uvicorn": uvicorn.config.Config("unused").timeout_keep_alive,
        "hypercorn": hypercorn.config.Config().keep_alive_timeout,
        "gunicorn": gunicorn.config.Config().keepalive,
    }
    assert own == {name: SERVERS[name].keep_alive_s for name in own}


@process
@pytest.mark.parametrize("idle", [{"keep_alive_s": 0.5}, {"faults": [{"kind": "close_when_idle", "idle_s": 0.5}]}])
@pytest.mark.parametrize("server", KEEPING)
def test_an_idle_connection_is_used_again_until_the_agent_closes_it(
    server: str, idle: dict[str, Any], tmp_path: Path
) -> None:
    with agent_with(tmp_path, server=server, **idle) as agents:
        connection = http.client.HTTPConnection("127.0.0.1", int(agents.addresses[0].rpartition(":")[2]), timeout=10)
        for _ in range(3):
            connection.request("GET", "/health")
            response = connection.getresponse()
            assert (response.status, response.will_close) == (200, False)
            response.read()
            assert connection.sock is not None
            assert not select.select([connection.sock], [], [], 0.1)[0]
        assert connection.sock.recv(1) == b""
        connection.close()
        assert counts_of(agents) == (1, 3)


@process
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("server", SERVERS)
def test_agents_that_share_a_process_count_what_coordinators_count(server: str, tls: bool, tmp_path: Path) -> None:
    service_time = {"distribution": "constant", "value_s": 0.02}
    workers = {"server": server, "tls": tls, "per_process": 3, "service_time": service_time}
    ran = run_through(scenario_of(workers=workers, dispatch={"per_agent": 4}, questions=60), tmp_path)
    assert {outcome.error for outcome in ran.outcomes} == {None}
    assert ran.counts.served == 60
    assert connection_problems([ran.info], ran.workers) == []
    assert any(outcome.reused for outcome in ran.outcomes) == SERVERS[server].keeps_connections


@process
@pytest.mark.parametrize("server", SERVERS)
def test_a_process_opens_no_more_descriptors_than_is_said_to_be_needed(server: str, tmp_path: Path) -> None:
    """With connections that ask nothing, for which gunicorn opens most."""
    workers = {"server": server, "per_process": 40}
    scenario = scenario_of(agents=40, workers=workers)
    file = tmp_path / "scenario.yaml"
    file.write_text(scenario.to_yaml(), encoding="utf-8")
    with Agents(scenario, file) as agents, contextlib.ExitStack() as stack:
        for address in 2 * agents.addresses:
            port = int(address.rpartition(":")[2])
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        wait_until(lambda: (counts := agents.counts()) is not None and sum(counts.accepted) == 80)
        (pid,) = {worker.pid for worker in agents.workers or ()}
        assert pid is not None
        needed = needed_by_fleet(scenario)["a process of agents"]
        assert needed - PER_PROCESS <= psutil.Process(pid).num_fds() <= needed


@process
@pytest.mark.parametrize("server", SERVERS)
def test_questions_at_the_same_time_are_served_at_the_same_time(server: str, tmp_path: Path) -> None:
    workers = {"server": server, "service_time": {"distribution": "constant", "value_s": 0.5}}
    scenario = scenario_of(agents=1, questions=4, dispatch={"per_agent": 4}, workers=workers)
    outcomes = run_through(scenario, tmp_path).outcomes
    service_ms = [outcome.service_ms or 0 for outcome in outcomes]
    assert sum(service_ms) > 1.5 * max(outcome.round_trip_ms or 0 for outcome in outcomes)


@process
@pytest.mark.parametrize("server", SERVERS)
def test_large_questions_and_answers_arrive_whole(server: str, tmp_path: Path) -> None:
    text = "x" * 700_000
    with agent_with(tmp_path, server=server, answer_bytes=3_000_000) as agents, client_of(agents) as client:
        known = client.build_request("POST", "/message", json=question(text))
        pieces = (known.content[begin : begin + 50_000] for begin in range(0, len(known.content), 50_000))
        chunked = client.build_request("POST", "/message", content=pieces, headers={"Content-Type": "application/json"})
        for request in (known, chunked):
            response = client.send(request)
            (part,) = response.json()["events"][0]["parts"]
            assert part["text"].rstrip(".") == f"agent-1 answers: {text}"
            assert len(part["text"]) == 3_000_000


@process
@pytest.mark.parametrize("server", SERVERS)
def test_a_question_that_is_too_large_is_refused_and_the_agent_works_on(server: str, tmp_path: Path) -> None:
    with agent_with(tmp_path, server=server, max_request_bytes=1024) as agents:
        for size in (2000, 300_000, 30_000_000):
            # It may close the connection before it has read all.
            with client_of(agents) as client, contextlib.suppress(httpx.WriteError):
                assert client.post("/message", json=question(size * "x")).status_code == 413
            with client_of(agents) as client:
                assert client.post("/message", json=question()).status_code == 200


@process
@pytest.mark.parametrize("server", SERVERS)
def test_a_failed_handshake_is_counted_and_harms_nobody(server: str, tmp_path: Path) -> None:
    with agent_with(tmp_path, server=server, tls=True) as agents, client_of(agents) as client:
        with socket.create_connection(("127.0.0.1", int(agents.addresses[0].rpartition(":")[2])), 10) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            with contextlib.suppress(OSError):
                while plain.recv(1000):
                    pass
        assert client.get("/health").status_code == 200
        assert counts_of(agents) == (2, 1)


@process
@pytest.mark.parametrize("server", SERVERS)
def test_http_2_is_offered_as_the_table_says(server: str, tmp_path: Path) -> None:
    async def ask(address: str, context: ssl.SSLContext) -> list[httpx.Response]:
        async with httpx.AsyncClient(http2=True, verify=context, trust_env=False, base_url=address) as client:
            await client.get("/health")
            asked = (client.post("/message", json=question(text), headers={"X": "y"}) for text in "abcd")
            return await asyncio.gather(*asked)

    service_time = {"distribution": "constant", "value_s": 0.1}
    with agent_with(tmp_path, server=server, tls=True, service_time=service_time) as agents:
        responses = asyncio.run(ask(agents.addresses[0], ssl.create_default_context(cadata=agents.ca_pem)))
        accepted, served = counts_of(agents)
    answers = [response.json()["events"][0]["parts"][0]["text"] for response in responses]
    assert answers == [f"agent-1 answers: {text}" for text in "abcd"]
    has_http_2 = SERVERS[server].speaks_http_2
    assert {response.http_version for response in responses} == {"HTTP/2" if has_http_2 else "HTTP/1.1"}
    assert served == 5
    assert (accepted == 1) == has_http_2


@process
@pytest.mark.parametrize("server", SERVERS)
def test_connections_that_are_served_late_do_not_wait_for_each_other(server: str, tmp_path: Path) -> None:
    async def ask(address: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(trust_env=False, base_url=address, timeout=20) as client:
            return await asyncio.gather(*(client.get("/health") for _ in range(4)))

    with agent_with(tmp_path, server=server, faults=[{"kind": "slow_accept", "delay_s": 0.5}]) as agents:
        took_s = [response.elapsed.total_seconds() for response in asyncio.run(ask(agents.addresses[0]))]
        assert counts_of(agents) == (4, 4)
    assert min(took_s) >= 0.49
    assert sum(took_s) > 1.5 * max(took_s)


@process
@pytest.mark.parametrize("server", [name for name in KEEPING if SERVERS[name].gives_sockets])
def test_faults_of_kept_connections_work_where_scenarios_allow_them(server: str, tmp_path: Path) -> None:
    workers = {"server": server, "host": "127.0.0.1", "service_time": {"distribution": "constant", "value_s": 0.01}}
    each = [{"kind": "forget_idle", "idle_s": 0.1, "agents": [1]}, {"kind": "second_response", "agents": [2]}]
    client = {"topology": "per_agent", "timeout_s": 1, "limits": {"keepalive_expiry_s": 60}}
    keys = {"client": client, "coordinator": {"pause_s": 1.5}, "dispatch": {"on_failure": "continue"}}
    scenario = scenario_of(agents=2, questions=6, workers={**workers, "faults": each}, **keys)
    outcomes = run_through(scenario, tmp_path).outcomes
    assert {(o.reused, o.error_kind) for o in outcomes if o.agent == 1} == {(False, None), (True, "read_timeout")}
    assert "bad_response" in {outcome.error_kind for outcome in outcomes if outcome.agent == 2}


STREAM_FOR_EVER = [{"kind": "huge_body", "size_bytes": 2**40}]


@process
@pytest.mark.parametrize("server", SERVERS)
def test_an_endless_answer_ends_when_its_client_leaves(server: str, tmp_path: Path) -> None:
    with agent_with(tmp_path, server=server, faults=STREAM_FOR_EVER) as agents:
        headers = {QUESTION_ID_HEADER: "1"}
        with client_of(agents) as client, client.stream("POST", "/message", json=question(), headers=headers) as answer:
            next(answer.iter_raw())
        agents.counts()
        (worker,) = agents.workers or ()
        assert worker.pid is not None
        assert is_idle_soon(worker.pid)


def is_idle_soon(pid: int) -> bool:
    """Whether a process stops using CPU time."""
    agent, deadline = psutil.Process(pid), time.monotonic() + 10
    while time.monotonic() < deadline:
        before = agent.cpu_times().user + agent.cpu_times().system
        time.sleep(0.3)
        if agent.cpu_times().user + agent.cpu_times().system - before < 0.1:
            return True
    return False


SERVE = """
import os, sys, threading
from workers.counters import shared_counters
from workers.server import SERVERS, Served, imported, listen

server = SERVERS[sys.argv[1]]
sleep = imported(server.sleep)

def app(environ, start_response):
    if environ["PATH_INFO"] == "/long":
        sleep(60)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

listeners = [listen("127.0.0.1", 0) for _ in range(2)]
served = [Served(each, app, counters, None) for each, counters in zip(listeners, shared_counters(2))]
print(*(each.getsockname()[1] for each in listeners), flush=True)
imported(server.serve)(served, until=0)
os._exit(0)
"""


@process
@pytest.mark.parametrize("server", SERVERS)
def test_a_process_ends_soon_with_questions_in_flight_and_idle_connections(server: str) -> None:
    pipe = subprocess.PIPE
    it = subprocess.Popen([sys.executable, "-c", SERVE, server], stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT)
    with it, contextlib.ExitStack() as stack:
        assert it.stdin is not None and it.stdout is not None and it.stderr is not None
        for port in it.stdout.readline().split():
            for path in ("/", "/long"):
                connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
                stack.callback(connection.close)
                connection.request("GET", path)
                if path == "/":
                    assert connection.getresponse().read() == b"ok"
        try:
            it.stdin.close()
            assert it.wait(timeout=5) == 0
            assert it.stderr.read() == b""
        finally:
            it.kill()
