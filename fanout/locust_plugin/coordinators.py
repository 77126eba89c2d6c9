"""Manages the coordinators of a run: one client, and so one process, for each user."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
from gevent import Greenlet

from fanout.agents.handle import Agents
from fanout.errors import CouldNotRunError
from fanout.locust_plugin.client import CoordinatorClient
from fanout.outcome import Outcome
from fanout.processes.fd_limits import check_agents, limit_now, make_room, needed
from fanout.runs.schema import ClientInfo, CoordinatorInfo
from fanout.runs.writer import CA_FILE, SCENARIO_FILE
from fanout.scenario import Scenario

Record = Callable[[Mapping[str, Any], Outcome], None]
"""Takes a user's context and the outcome of one of its questions."""


class Coordinators:
    """Owns each client from before it is ready until close(), even if Locust kills its user."""

    def __init__(
        self,
        scenario: Scenario,
        directory: Path,
        agents: Agents,
        record: Record,
        on_failure: Callable[[CouldNotRunError], None],
    ) -> None:
        """`directory` is the run's. Create it right after the agents, since it notes their file descriptor limits."""
        self._scenario = scenario
        self._directory = directory
        self._agents = agents
        self._record = record
        self._on_failure = on_failure
        self._agents_limit = limit_now()
        self._numbers = itertools.count(1)
        self._clients: list[CoordinatorClient] = []
        self._stopping = False

    def new_client(self, user_context: Mapping[str, Any], users: int) -> CoordinatorClient:
        """A client for one of `users` users, ready to ask.

        Raises CouldNotRunError if its process doesn't start, GreenletExit if the run ends meanwhile.
        """
        make_room(needed(self._scenario, users))
        check_agents(self._scenario, users, self._agents_limit)
        record = functools.partial(self._record, user_context)
        client = CoordinatorClient(next(self._numbers), self._args(), record, self._on_failure)
        self._clients.append(client)
        try:
            if self._stopping:  # begin_stop() was called while the process started
                client.stop(0)
            client.wait_until_ready()
        except BaseException:  # also if its user is killed
            client.close()
            raise
        return client

    def _args(self) -> list[str]:
        args = [str(self._directory / SCENARIO_FILE), "--agents", ",".join(self._agents.addresses)]
        return args if self._agents.ca_pem is None else [*args, "--ca-file", str(self._directory / CA_FILE)]

    def begin_stop(self, drain_s: float) -> list[Greenlet]:
        """Begins to end all work; questions in flight get `drain_s`. Returns the greenlets to wait for."""
        self._stopping = True
        return [gevent.spawn(client.stop, drain_s) for client in self._clients]

    def close(self) -> None:
        """Ends all processes; returns when they have ended."""
        gevent.joinall([gevent.spawn(client.close) for client in self._clients])

    @property
    def planned(self) -> int:
        """The questions to ask, of all clients."""
        return sum(client.planned for client in self._clients)

    @property
    def settings(self) -> ClientInfo | None:
        """The effective settings of the HTTP clients, which are all the same; None while no coordinator is ready."""
        return next((client.settings for client in self._clients if client.settings is not None), None)

    @property
    def infos(self) -> tuple[CoordinatorInfo, ...]:
        """The final counts of each coordinator that got ready; without counts if it could not report them."""
        ready = [client for client in self._clients if client.settings is not None]
        return tuple(client.final or CoordinatorInfo(client.number, rounds=client.rounds) for client in ready)
