"""An agent's first request, which executes every code path once before anything is measured."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping

from flask import Flask

from fanout.errors import CouldNotRunError
from fanout.processes.fd_limits import WARM_UP_BATCH
from fanout.protocols import Protocol, Question
from workers.app import WARM_UP_HEADER
from workers.tls import Authority

START_TIMEOUT_S = 30


class WarmUp:
    """The first question to every agent, sent through its real route."""

    def __init__(self, protocol: Protocol, host: str, authority: Authority | None) -> None:
        """`authority` has issued the certificate of agents that use HTTPS; None for plain HTTP."""
        message = protocol.coordinator().encode(Question("warm-up", "Are you there?"))
        self._protocol = protocol
        self._headers = {**message.headers, WARM_UP_HEADER: "1"}
        self._body = message.body
        self._host = host
        self._authority = authority

    def app(self, app: Flask) -> None:
        """Asks an app directly, before it has a server."""
        method = self._protocol.method
        app.test_client().open(self._protocol.path, method=method, headers=self._headers, data=self._body)

    def all(self, ports: Mapping[int, int]) -> None:
        """Asks agents, given their ports by number, in batches. It asks a whole batch before it awaits an answer.

        Raises CouldNotRunError for the first agent that doesn't answer correctly.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        agents = list(ports.items())
        for first in range(0, len(agents), WARM_UP_BATCH):
            asked = [(number, self._ask(number, port)) for number, port in agents[first : first + WARM_UP_BATCH]]
            for number, connection in asked:
                _await(number, connection, deadline)

    def _ask(self, number: int, port: int) -> http.client.HTTPConnection:
        connection = self._connection(port)
        headers = {**self._headers, "Connection": "close"}
        try:
            connection.request(self._protocol.method, self._protocol.path, self._body, headers)
        except OSError as error:
            raise CouldNotRunError(f"agent {number} could not be reached: {error}") from error
        return connection

    def _connection(self, port: int) -> http.client.HTTPConnection:
        if self._authority is None:
            return http.client.HTTPConnection(self._host, port, timeout=START_TIMEOUT_S)
        context = self._authority.client_context
        return http.client.HTTPSConnection(self._host, port, timeout=START_TIMEOUT_S, context=context)


def _await(number: int, connection: http.client.HTTPConnection, deadline: float) -> None:
    try:
        if connection.sock is not None:
            connection.sock.settimeout(max(0.1, deadline - time.monotonic()))
        response = connection.getresponse()
        body = response.read(200).decode(errors="replace").strip()
    except OSError as error:
        raise CouldNotRunError(f"agent {number} did not answer its warm-up: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise CouldNotRunError(f"agent {number} answered its warm-up with HTTP {response.status}: {body}")
