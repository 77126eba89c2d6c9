from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fanout.locust_plugin.problems import connection_problems
from fanout.scenario.servers import SERVERS
from helpers.processes import Ran, run_through
from helpers.scenarios import scenario_of
from workers.server import BACKLOG, listen

pytestmark = pytest.mark.process

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
    """A run with agents that have these settings."""
    workers = {**scenario_of().workers.model_dump(mode="json"), **workers}
    ran = run_through(scenario_of(workers=workers), directory)
    assert {outcome.status for outcome in ran.outcomes} == {"ok"}
    assert connection_problems([ran.info], ran.workers) == []
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
    assert all(bool((outcome.phases_ms or {})["tls_handshaking"]) != outcome.reused for outcome in ran.outcomes)


def test_a_port_in_use_is_an_error() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1])


Say = Callable[[bytes], bytes]
JSON = b"Content-Type: application/json\r\n"


@pytest.fixture(scope="module", params=SERVERS)
def say(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Say]:
    """Sends bytes to an agent on each kind of server. Returns its answer until it closes the connection."""
    folder = tmp_path_factory.mktemp("served")
    file, log = folder / "small.yaml", folder / "log"
    workers = {"server": request.param, "max_request_bytes": 1024}
    if SERVERS[request.param].keep_alive_s:
        workers["keep_alive_s"] = 0.2
    file.write_text(scenario_of(agents=1, workers=workers).to_yaml())
    with log.open("wb") as errors:
        command = [sys.executable, "-m", "workers.fleet", str(file)]
        fleet = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
    assert fleet.stdout is not None
    (address,) = json.loads(fleet.stdout.readline())["addresses"]

    def send(data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=10) as connection:
            answer = b""
            with contextlib.suppress(OSError):  # it may close the connection without reading everything
                connection.sendall(data)
                if request.param == "uvicorn":  # which answers nobody who has ended the connection in one direction
                    connection.settimeout(2)
                else:
                    connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                while more := connection.recv(65536):
                    answer += more
            return answer

    yield send
    assert b"HTTP/1.1 200" in send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")  # the agent still works
    fleet.communicate(timeout=10)
    assert "Traceback" not in log.read_text()


QUESTION = b'{"params":{"message":{"parts":[{"text":"?"}]}}}'


def posted(headers: bytes, body: bytes, path: bytes = b"/message") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST %s HTTP/1.1\r\nHost: x\r\n%s%s\r\n%s" % (path, headers, length, body)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (posted(JSON, b"{}", b"/elsewhere"), 404),
        (b"GET /static/app.py HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET /console?__debugger__=yes&cmd=resource&f=style.css HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET /message HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"OPTIONS /message HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"DELETE /health HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (posted(b"Content-Type: text/plain\r\n", b"{}"), 415),
        (posted(b"", b"{}"), 415),
        (posted(JSON, b" " * 1025), 413),
        (posted(JSON, b"{"), 400),
        (posted(JSON, b"[" * 1000), 400),
        (posted(JSON, b"{}"), 400),
        (posted(JSON + b"Fanout-Question-Id: a\r\n b\r\n", QUESTION), {400, 200}),
        (b"POST /message HTTP/1.1\r\nHost: x\r\n" + JSON + b"Content-Length: 50\r\n\r\n{}", {400, None}),
        (b"POST /message HTTP/1.1\r\nHost: x\r\n" + JSON + b"Content-Length: many\r\n\r\n{}", 400),
        (posted(b"".join(b"X-%d: y\r\n" % n for n in range(1000)), b"{}"), {400, 415, 431}),
        (posted(b"X: " + b"y" * 100_000 + b"\r\n", b"{}"), {400, 415, 431}),
        (b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 100_000), {404, 414, 431}),
        (b"\x16\x03\x01\x02 \x01 \x02 \x03\r\n\r\n", 400),
    ],
)  # fmt: skip
def test_what_is_not_a_question_gets_a_short_refusal(
    say: Say, request_bytes: bytes, status: int | set[int | None]
) -> None:
    """None is no answer, but a connection that stays open for the rest of the question."""
    answer = say(request_bytes)
    assert len(answer) < 1000
    assert b"Traceback" not in answer and b"debugger" not in answer.lower()
    # Werkzeug answers a request without a version in HTTP/0.9, without a status line.
    first = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP/1.1 ") else answer.partition(b"Error code: ")[2][:3]
    assert (int(first) if answer else None) in (status if isinstance(status, set) else {status})
