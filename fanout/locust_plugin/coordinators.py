"""Manages the coordinators of a run: one client, and so one process, for each user."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import gevent
from gevent import Greenlet

from fanout.errors import CouldNotRunError
from fanout.locust_plugin.client import CoordinatorClient, Watcher
from fanout.outcome import Outcome
from fanout.runs.schema import ClientInfo, CoordinatorInfo, LocustWorkerInfo

Record = Callable[[Mapping[str, Any], Outcome], None]
"""Takes a user's context and the outcome of one of its questions."""


@dataclass(frozen=True)
class Job:
    """What every coordinator of a run works on."""

    scenario_file: Path
    addresses: Sequence[str]
    """The agents', in order."""
    ca_file: Path | None = None
    """Certificates to trust, for agents that use HTTPS."""

    @property
    def args(self) -> list[str]:
        """The arguments of fanout.coordinator."""
        args = [str(self.scenario_file), "--agents", ",".join(self.addresses)]
        return args if self.ca_file is None else [*args, "--ca-file", str(self.ca_file)]


class AllCoordinators(Protocol):
    """The coordinators of a run, wherever they are."""

    @property
    def planned(self) -> int:
        """The questions to ask."""

    @property
    def settings(self) -> ClientInfo | None:
        """The effective settings of the HTTP clients, which are all the same; None while no coordinator is ready."""

    @property
    def infos(self) -> tuple[CoordinatorInfo, ...]:
        """The final counts of each coordinator that got ready; without counts if it could not report them."""

    @property
    def locust_workers(self) -> tuple[LocustWorkerInfo, ...] | None:
        """The Locust workers that run them; None if this process does."""

    def begin_stop(self, drain_s: float) -> list[Greenlet]:
        """Begins to end all work; questions in flight get `drain_s`. Returns the greenlets to wait for."""

    def close(self) -> None:
        """Ends all processes; returns when they have ended."""


class Coordinators:
    """Owns each client from before it is ready until close(), even if Locust kills its user."""

    def __init__(
        self,
        job: Job,
        new_number: Callable[[], int],
        record: Record,
        on_failure: Callable[[CouldNotRunError], None],
        watcher: Watcher | None = None,
    ) -> None:
        """`new_number` gives each coordinator its number in the run, from 1."""
        self._job = job
        self._new_number = new_number
        self._record = record
        self._on_failure = on_failure
        self._watcher = watcher
        self._clients: list[CoordinatorClient] = []
        self._stopping = False

    def new_client(self, user_context: Mapping[str, Any]) -> CoordinatorClient:
        """A client for one user, ready to ask.

        Raises CouldNotRunError if its process doesn't start, GreenletExit if the run ends meanwhile.
        """
        record = functools.partial(self._record, user_context)
        client = CoordinatorClient(self._new_number(), self._job.args, record, self._on_failure, self._watcher)
        self._clients.append(client)
        try:
            if self._stopping:  # begin_stop() was called while the process started
                client.stop(0)
            client.wait_until_ready()
        except BaseException:  # also if its user is killed
            client.close()
            raise
        return client

    def begin_stop(self, drain_s: float) -> list[Greenlet]:
        self._stopping = True
        return [gevent.spawn(client.stop, drain_s) for client in self._clients]

    def close(self) -> None:
        gevent.joinall([gevent.spawn(client.close) for client in self._clients])

    @property
    def planned(self) -> int:
        return sum(client.planned for client in self._clients)

    @property
    def settings(self) -> ClientInfo | None:
        return next((client.settings for client in self._clients if client.settings is not None), None)

    @property
    def infos(self) -> tuple[CoordinatorInfo, ...]:
        by_number = sorted(self._clients, key=lambda client: client.number)
        ready = [client for client in by_number if client.settings is not None]
        return tuple(client.final or CoordinatorInfo(client.number, rounds=client.rounds) for client in ready)

    @property
    def locust_workers(self) -> None:
        return None
