"""Drives a Locust with its web UI over HTTP, so that one process makes many runs, as in interactive use."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from fanout.errors import CouldNotRunError
from fanout.processes.locust_process import LOG_FILE, RESULTS_VARIABLE, LocustChild

UP_S = 60
ANSWER_S = 90
"""For one request: /stop waits for questions in flight up to Locust's --stop-timeout, 30 s."""
RUN_DIR_S = 60
"""From the start of a run until it has its directory."""
POLL_S = 0.1


class WebLocust(LocustChild):
    """A Locust process whose runs are started and stopped through its web UI."""

    def __init__(self, scenario: Path, locustfile: Path, directory: Path) -> None:
        """Returns when the UI listens. Its log and its runs go into `directory`. Raises CouldNotRunError."""
        self._directory = directory
        args = ["--web-host", "127.0.0.1", "--web-port", "0"]
        args += ["--locustfile", str(locustfile), "--scenario", str(scenario)]
        args += ["--run-dir", ""]  # each run gets a new directory, whatever FANOUT_RUN_DIR says
        super().__init__(args, directory / LOG_FILE, {RESULTS_VARIABLE: str(directory)})
        self._ui = httpx.Client(trust_env=False, timeout=ANSWER_S)
        try:
            self.url = f"http://127.0.0.1:{self._listening_port()}"
        except BaseException:
            self.close()
            raise

    def _listening_port(self) -> int:
        """The port that the kernel chose; Locust listens on no other."""
        deadline = time.monotonic() + UP_S
        while time.monotonic() < deadline and not self.ended:
            with contextlib.suppress(psutil.Error):  # Locust ended meanwhile; the loop condition sees that next
                for connection in psutil.Process(self.pid).net_connections("tcp4"):
                    if connection.status == psutil.CONN_LISTEN:
                        return int(connection.laddr.port)
            time.sleep(POLL_S)
        raise CouldNotRunError(f"Locust's web UI did not come up; {self.last_words}")

    def check(self) -> None:
        """Raises CouldNotRunError if Locust has ended."""
        if self.ended:
            raise CouldNotRunError(f"Locust has ended; {self.last_words}")

    def start(self, users: int, **form: str) -> Path:
        """Starts a run, by a form with these fields, and returns its new directory. Raises CouldNotRunError."""
        before = set(self._directory.iterdir())
        answer = self._answer("POST", "/swarm", {"user_count": users, "spawn_rate": users, **form}).json()
        if not answer["success"]:
            raise CouldNotRunError(f"Locust did not start a run: {answer['message']}")
        deadline = time.monotonic() + RUN_DIR_S
        while time.monotonic() < deadline:
            if made := set(self._directory.iterdir()) - before:
                return made.pop()
            self.check()
            time.sleep(POLL_S)
        raise CouldNotRunError(f"Locust made no run directory in {RUN_DIR_S} s; {self.last_words}")

    def stop(self) -> None:
        """Ends the run and returns when its directory is complete. Raises CouldNotRunError."""
        self._answer("POST", "/stop")

    def _answer(self, method: str, path: str, form: dict[str, Any] | None = None) -> httpx.Response:
        try:
            answer = self._ui.request(method, f"{self.url}{path}", data=form)
        except httpx.TransportError as error:
            raise CouldNotRunError(f"Locust does not answer {path}: {error}; {self.last_words}") from error
        if not answer.is_success:
            raise CouldNotRunError(f"Locust answers {path} with HTTP {answer.status_code}; see {self.log}")
        return answer

    def close(self) -> None:
        self._ui.close()
        super().close()
