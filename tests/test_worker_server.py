from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from conftest import scenario_of

from fanout import audit
from fanout.child import Child
from fanout.fleet import Agents, WorkerCounts
from fanout.outcome import Outcome
from workers.server import BACKLOG, listen

# In a process of its own: a gevent server needs a gevent loop, and this one stays free of it.
SERVE = """
import json, socket, sys
import gevent
from workers.counters import shared_counters
from workers.gevent_server import CountingServer
from workers.server import Served, listen

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

class Server(CountingServer):
    def handle(self, client_socket, address):
        print(json.dumps(client_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)), flush=True)
        super().handle(client_socket, address)

(counters,) = shared_counters(1)
listener = listen("127.0.0.1", 0)
server = Server(Served(listener, app, counters, None))
server.start()
print(listener.getsockname()[1], flush=True)
gevent.get_hub().threadpool.spawn(sys.stdin.read).get()
print(json.dumps([counters.accepted, counters.served]), flush=True)
"""


@pytest.fixture
def server() -> Iterator[tuple[int, subprocess.Popen[str]]]:
    process = subprocess.Popen([sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield int(process.stdout.readline()), process
    process.communicate(timeout=10)


def test_connections_are_kept_alive_without_delay_and_counted(server: tuple[int, subprocess.Popen[str]]) -> None:
    port, process = server
    for requests in (3, 1):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for _ in range(requests):
            connection.request("GET", "/")
            response = connection.getresponse()
            assert (response.version, response.read()) == (11, b"ok")
            assert not response.will_close
        connection.close()
    output, _ = process.communicate(timeout=10)
    *nodelay, counts = map(json.loads, output.splitlines())
    assert nodelay == [1, 1]
    assert counts == [2, 4]


def test_the_backlog_holds_a_burst() -> None:
    with listen("127.0.0.1", 0) as listener:
        clients = [socket.create_connection(listener.getsockname(), timeout=5) for _ in range(300)]
        for client in clients:
            client.close()
    assert BACKLOG >= 512


def run_of(**workers: object) -> tuple[WorkerCounts, list[Outcome], str | None]:
    """Questions over agents that are started so: what they counted, how the questions ended, their certificate."""
    scenario = scenario_of(workers={**scenario_of().workers.model_dump(mode="json"), **workers})
    with TemporaryDirectory() as directory:
        file = Path(directory) / "scenario.yaml"
        file.write_text(scenario.to_yaml())
        with Agents(scenario, file) as agents:
            args = [str(file), "--agents", ",".join(agents.addresses), "--rounds", "1"]
            if agents.ca_pem is not None:
                (Path(directory) / "ca.pem").write_text(agents.ca_pem)
                args += ["--ca-file", str(Path(directory) / "ca.pem")]
            child = Child("the coordinator", "fanout.coordinator", args)
            lines = list(iter(child.listen, None))
            child.close()
            counts = agents.counts()
            assert counts is not None
            assert audit.defects([lines[-1]], counts.accepted) == []
            return counts, [Outcome.from_json(line) for line in lines if line["is"] == "outcome"], agents.ca_pem


@pytest.mark.parametrize("tls", [False, True])
def test_flask_s_development_server_closes_every_connection(tls: bool) -> None:
    counts, outcomes, _ = run_of(server="werkzeug", tls=tls)
    assert {outcome.status for outcome in outcomes} == {"ok"}
    assert (sum(counts.accepted), counts.served) == (12, 12)
    assert not any(outcome.reused for outcome in outcomes)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2"])
def test_agents_speak_https_with_a_certificate_of_the_run_s_own(host: str) -> None:
    counts, outcomes, ca_pem = run_of(tls=True, host=host)
    assert {outcome.status for outcome in outcomes} == {"ok"}
    assert (counts.accepted, counts.served) == ((1, 1, 1, 1), 12)
    assert ca_pem is not None and ca_pem.startswith("-----BEGIN CERTIFICATE-----")
    assert all(bool(outcome.tls_handshaking_ms) != outcome.reused for outcome in outcomes)


def test_a_port_in_use_is_an_error() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1])
