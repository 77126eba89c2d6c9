"""The promises of docs/security.md that no other test checks: what leaves this machine, and what is stored."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from fanout.scenario.servers import SERVERS
from fanout.soak import WebLocust
from helpers.paths import ROOT
from helpers.processes import wait_until
from helpers.scenarios import MakeScenario
from helpers.servers import ANSWER

pytestmark = pytest.mark.process

ELSEWHERE = ("http://agent-1.invalid", "http://agent-2.invalid", "http://agent-3.invalid")
SECRET = "correct-horse-battery"
USER = "somebody-of-note"


class Proxy(ThreadingHTTPServer):
    """A proxy that answers for the agents behind it, so that nothing leaves this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[str] = []
        self.logins: set[str | None] = set()

    @property
    def environment(self) -> dict[str, str]:
        proxy = f"http://{USER}:{SECRET}@127.0.0.1:{self.server_port}"
        return {**os.environ, "PYTHONPATH": str(ROOT), "http_proxy": proxy, "no_proxy": ""}


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Proxy)
        self.server.asked.append(self.path)
        self.server.logins.add(self.headers["Proxy-Authorization"])
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def remote(make_scenario: MakeScenario) -> Path:
    """A scenario with agents elsewhere, which are reached through the proxy of the environment."""
    return make_scenario(agents=list(ELSEWHERE), allow_remote=True, workers=None, client={"trust_env": True})


def run(module: str, *args: object, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=cwd, env=env)


ANNOUNCED = "to agents on other machines: http://agent-1.invalid, http://agent-2.invalid and 1 more"
LOCUST = ("-f", ROOT / "locustfiles" / "coordinator.py", "--headless", "--scenario")
SENDING = {
    "bench": ("fanout.cli", "bench", "{file}", "--repeat", 2, f"sends 24 questions (2 runs of 12) {ANNOUNCED}"),
    "sweep": (
        "fanout.cli", "sweep", "{file}", "--set", "client.topology=shared,per_agent",
        f"sends 24 questions (2 runs of 12) {ANNOUNCED}",
    ),
    "locust": (
        "locust", *LOCUST, "{file}", "-u", 2, "-r", 2, "--loglevel", "WARNING",
        f"sends 12 questions from each of 2 users {ANNOUNCED}",
    ),
    "locust for a while": (
        "locust", *LOCUST, "{file}", "--run-time", "1s",
        f"sends 12 questions a round, rounds until stopped {ANNOUNCED}",
    ),
    "coordinator": ("fanout.coordinator", "{file}", "--rounds", 3, f"sends 36 questions (3 rounds of 12) {ANNOUNCED}"),
}  # fmt: skip


@pytest.mark.parametrize("how", SENDING)
def test_every_command_announces_how_much_it_sends_elsewhere(
    how: str, proxy: Proxy, remote: Path, tmp_path: Path
) -> None:
    module, *args, expected = SENDING[how]
    done = run(str(module), *(remote if arg == "{file}" else arg for arg in args), env=proxy.environment, cwd=tmp_path)
    assert str(expected) in done.stderr
    assert "Traceback" not in done.stderr
    asked = {url.removesuffix("/message") for url in proxy.asked}
    assert asked == set(ELSEWHERE) or (
        how == "locust for a while" and not asked
    )  # a slow machine may ask nothing in this time


def test_agents_on_this_machine_are_not_announced(make_scenario: MakeScenario, tmp_path: Path) -> None:
    done = run("fanout.cli", "bench", make_scenario(), env=dict(os.environ, PYTHONPATH=str(ROOT)), cwd=tmp_path)
    assert done.returncode == 0
    assert ANNOUNCED.partition(":")[0] not in done.stderr


def test_the_login_of_a_proxy_is_sent_to_it_and_stored_nowhere(proxy: Proxy, remote: Path, tmp_path: Path) -> None:
    done = run(
        "fanout.cli", "bench", remote, "--report", "report.html", "--junit", "gates.xml", "--gate", "failed == 0",
        env=proxy.environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    login = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
    assert proxy.logins == {f"Basic {login}"}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"run.json", "questions.csv", "locust.log", "locust.html", "report.html"} <= {path.name for path in files}
    for text in (done.stdout, done.stderr, *(path.read_text(errors="replace") for path in files)):
        assert not [secret for secret in (SECRET, USER, login) if secret in text]


def test_the_login_of_a_proxy_is_on_no_page(
    proxy: Proxy, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "no_proxy"):
        monkeypatch.setenv(name, proxy.environment[name])
    locust = WebLocust(remote, ROOT / "locustfiles" / "coordinator.py", tmp_path)
    with locust, httpx.Client(base_url=locust.url, trust_env=False, timeout=20) as ui:
        run = locust.start(1)
        rows = run / "questions.csv"
        wait_until(lambda: rows.exists() and rows.read_text().count("\n") > 1)
        locust.stop()
        paths = ("/locust", "/stats/requests", "/stats/report", "/exceptions", "/logs", "/tasks", "/stats/failures/csv")
        pages = [ui.get(path) for path in paths]
        ours = ("start", "live.json", "runs.json", f"report?run={run.name}", f"csv?run={run.name}")
        pages += [ui.get(f"/fanout/{path}") for path in ours]
    assert {page.status_code for page in pages} == {200}
    for text in (*(page.text for page in pages), (tmp_path / "locust.log").read_text()):
        assert SECRET not in text and USER not in text


@pytest.mark.parametrize(
    ("proxy_url", "code"),
    [
        (f"http://{USER}:{SECRET}@10.0.0.9:3128", 2),
        (f"foo://{USER}:{SECRET}@127.0.0.1:1", 3),
        (f"http://{USER}:{SECRET}@127.0.0.1:no-port", 3),
        (f"http://{USER}:{SECRET}/{SECRET}@127.0.0.1:1", 3),
    ],
)
def test_the_login_of_a_refused_proxy_is_not_repeated(
    make_scenario: MakeScenario, tmp_path: Path, proxy_url: str, code: int
) -> None:
    file = make_scenario(agents=["http://127.0.0.1:1"], workers=None, client={"trust_env": True})
    env = {**os.environ, "PYTHONPATH": str(ROOT), "http_proxy": proxy_url, "no_proxy": ""}
    done = run("fanout.coordinator", file, "--rounds", 1, env=env, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1
    assert SECRET not in done.stderr and USER not in done.stderr


@pytest.mark.parametrize("address", [f"http://{USER}:{SECRET}@127.0.0.1:1", f"http://{USER}:{SECRET}/x@127.0.0.1:1",
                                     f"http://{USER}:{SECRET * 9}@127.0.0.1:1"])  # fmt: skip
@pytest.mark.parametrize("where", ["file", "setting", "agents"])
def test_a_login_in_an_address_is_refused_and_not_repeated(
    make_scenario: MakeScenario, tmp_path: Path, address: str, where: str
) -> None:
    good = make_scenario(agents=["http://127.0.0.1:1"], workers=None)
    (tmp_path / "bad.yaml").write_text(f"protocol: a2a\nagents:\n  - {address}\n")
    module, *args = {
        "file": ("fanout.cli", "bench", tmp_path / "bad.yaml"),
        "setting": ("fanout.cli", "sweep", good, "--set", f"agents=[{address}]"),
        "agents": ("fanout.coordinator", good, "--rounds", 1, "--agents", address),
    }[where]
    done = run(str(module), *args, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr and USER not in done.stderr


def test_agents_elsewhere_must_be_allowed_on_the_command_line_too(make_scenario: MakeScenario, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = run("fanout.coordinator", make_scenario(), "--rounds", 1, "--agents", ELSEWHERE[0], env=env, cwd=tmp_path)
    assert done.returncode == 2
    assert ELSEWHERE[0] in done.stderr and "allow_remote" in done.stderr


def test_a_request_to_the_web_ui_cannot_name_files_to_write(make_scenario: MakeScenario, tmp_path: Path) -> None:
    victim, elsewhere = tmp_path / "victim", tmp_path / "elsewhere"
    victim.write_text("kept")
    (tmp_path / "runs").mkdir()
    form = {"user_count": 1, "spawn_rate": 1, "scenario": str(make_scenario("other.yaml"))}
    form |= dict.fromkeys(("junit", "json_file", "html_file", "logfile"), str(victim))
    form |= dict.fromkeys(("run_dir", "csv_prefix", "baseline"), str(elsewhere))
    locust = WebLocust(make_scenario(), ROOT / "locustfiles" / "coordinator.py", tmp_path / "runs")
    with locust, httpx.Client(base_url=locust.url, trust_env=False, timeout=20) as ui:
        assert ui.post("/swarm", data=form).json()["success"]
        deadline = time.monotonic() + 30
        while not list((tmp_path / "runs").glob("*-other/questions.csv")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        locust.stop()
        process = psutil.Process(locust.pid)
        process.send_signal(signal.SIGINT)  # Locust then writes its own files
        process.wait(30)
    assert victim.read_text() == "kept"
    assert not elsewhere.exists()


@pytest.mark.parametrize("server", SERVERS)
def test_every_listening_socket_of_a_run_is_on_loopback(
    make_scenario: MakeScenario, tmp_path: Path, server: str
) -> None:
    scenario = make_scenario(workers={"server": server})
    locust = WebLocust(scenario, ROOT / "locustfiles" / "coordinator.py", tmp_path)
    listening: dict[int, set[str]] = {}
    with locust:
        questions = locust.start(2) / "questions.csv"
        deadline = time.monotonic() + 30
        while not (questions.exists() and len(questions.read_text().splitlines()) > 30):
            assert time.monotonic() < deadline
            for process in [*(family := psutil.Process(locust.pid)).children(recursive=True), family]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    for connection in process.net_connections("inet"):
                        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE):  # TCP and UDP
                            listening.setdefault(process.pid, set()).add(connection.laddr.ip)
        locust.stop()
    assert len(listening) >= 5  # the web UI and four agents
    assert set().union(*listening.values()) == {"127.0.0.1"}


def test_no_key_or_token_is_stored(make_scenario: MakeScenario, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "temporary")}
    file = make_scenario(protocol="anp", workers={"tls": True})
    done = run("fanout.cli", "bench", file, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"run.json", "ca.pem", "locust.log"} <= {path.name for path in files}
    for text in (done.stdout.encode(), done.stderr.encode(), *(path.read_bytes() for path in files)):
        assert b"PRIVATE KEY" not in text
        assert b"Bearer " not in text and b"eyJhbGciOi" not in text  # a JWT's first bytes
