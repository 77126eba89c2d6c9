from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Ran, run_through, scenario_of

from fanout import audit
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


def run_of(directory: Path, **workers: object) -> Ran:
    """Questions to agents that are started so."""
    workers = {**scenario_of().workers.model_dump(mode="json"), **workers}
    ran = run_through(scenario_of(workers=workers), directory)
    assert {outcome.status for outcome in ran.outcomes} == {"ok"}
    assert audit.defects([ran.final], ran.counts.accepted) == []
    return ran


@pytest.mark.parametrize("tls", [False, True])
def test_flask_s_development_server_closes_every_connection(tls: bool, tmp_path: Path) -> None:
    ran = run_of(tmp_path, server="werkzeug", tls=tls)
    assert (sum(ran.counts.accepted), ran.counts.served) == (12, 12)
    assert not any(outcome.reused for outcome in ran.outcomes)
    assert ran.final["connections"]["closed_by_peer"] == 12


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2"])
def test_agents_speak_https_with_a_certificate_of_the_run_s_own(host: str, tmp_path: Path) -> None:
    ran = run_of(tmp_path, tls=True, host=host)
    assert (ran.counts.accepted, ran.counts.served) == ((1, 1, 1, 1), 12)
    assert ran.ca_pem is not None and ran.ca_pem.startswith("-----BEGIN CERTIFICATE-----")
    assert all(bool(outcome.tls_handshaking_ms) != outcome.reused for outcome in ran.outcomes)


def test_a_port_in_use_is_an_error() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1])
