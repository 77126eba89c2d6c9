"""The workers of a master: who is connected, and what they say."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urlsplit

import gevent
import locust.runners
from gevent import Greenlet
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.runners import STATE_MISSING, STATE_RUNNING, MasterRunner, WorkerNode

from fanout import __version__
from fanout.errors import MAX_LINE, CouldNotRunError
from fanout.locust_plugin.distributed._channel import Channel
from fanout.locust_plugin.distributed._dispatcher import dispatcher_for
from fanout.locust_plugin.distributed._lines import FromMaster, FromWorker, Hello, Refused
from fanout.locust_plugin.distributed._networks import network_here
from fanout.locust_plugin.distributed._share import Worker
from fanout.scenario import is_loopback
from fanout.text import listed, printable, shorten

logger = logging.getLogger("fanout")

TICK_S = 0.1
SILENT_S = 3
"""A worker sends a heartbeat every second; one that has been silent for longer doesn't answer."""
PATIENCE_S = 20
"""How long Locust itself waits for a worker, which is longer than a run does."""
HELLO_S = 10
"""How long a worker that Locust counts may take to say its version."""
FAMILY = secrets.token_hex(8)
"""Tells a master's own processes (--processes), which have a copy, from those of another master on the same port."""


class Listener(Protocol):
    """A run, which takes what the workers say about it."""

    is_one_round: bool
    """Whether each user does one round, so that no user is moved to another worker."""

    def join(self, worker: Worker) -> bool:
        """Lets a worker take part; returns whether it does."""

    def take(self, worker: Worker, said: FromWorker) -> None: ...

    def tick(self) -> None: ...

    def fail(self, error: CouldNotRunError) -> None: ...


class Crew:
    """Lives as long as the master."""

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        self.listener: Listener | None = None
        """The current run."""
        self.users: dict[str, int] = {}
        """How many users Locust has last given each worker, by its client id."""
        self.dispatcher: UsersDispatcher | None = None
        self._runner = runner
        self._channel = Channel(runner, self._hear, self.refuse)
        self._given_up: dict[str, WorkerNode] = {}
        """What Locust knows about workers that a run doesn't wait for any more. They come back if they report."""
        self._network = network_here()
        self._is_starting = False
        self.has_new_worker = False
        """Whether a worker has come late, and has no users yet."""
        self._moving: Greenlet | None = None
        if not is_loopback(runner.master_bind_host):
            logger.warning(
                "workers connect to %s:%d without a password: anyone who can reach it can read the scenario and "
                "report questions. Use it only in networks you trust",
                runner.master_bind_host,
                runner.master_bind_port,
            )
        locust.runners.HEARTBEAT_LIVENESS = PATIENCE_S  # it would end the test when no worker answers for 4 s
        environment.dispatcher_class = dispatcher_for(self, environment.dispatcher_class)
        environment.events.worker_report.add_listener(self._welcome_back)
        gevent.spawn(self._tick_forever)

    def _tick_forever(self) -> None:
        while True:
            try:
                self._tick()
            except Exception as error:  # a run would wait forever for workers that nobody watches
                logger.exception("internal error:")
                if self.listener is not None:
                    self.listener.fail(CouldNotRunError(f"the workers are not watched any more: {error}"))
            gevent.sleep(TICK_S)

    def _tick(self) -> None:
        self._channel.tick()
        if self.listener is not None:
            self.listener.tick()
            self._move_users()
        else:
            self._forget_gone()

    def _forget_gone(self) -> None:
        """Closes the links of workers that have quit, between two runs."""
        for worker in self._channel:
            if self.is_gone(worker):
                self._channel.forget(worker)

    def is_gone(self, worker: Worker) -> bool:
        """Whether it has quit."""
        return worker.client_id not in self._runner.clients and worker.client_id not in self._given_up

    def is_silent(self, worker: Worker) -> bool:
        """Whether nothing was heard of it for a few seconds."""
        client = self._runner.clients.get(worker.client_id)
        return client is None or client.heartbeat < PATIENCE_S - SILENT_S

    def give_up(self, worker: Worker) -> None:
        """Makes Locust forget a worker that is silent: it would give its users to others, and take theirs."""
        client = self._runner.clients.pop(worker.client_id, None)
        if client is not None:
            self._given_up[worker.client_id] = client
            if self.dispatcher is not None:
                self.dispatcher.remove_worker(client)

    def _welcome_back(self, client_id: str, **_: object) -> None:
        client = self._given_up.pop(client_id, None)
        if client is not None:
            client.heartbeat = PATIENCE_S
            self._runner.clients[client_id] = client

    @property
    def is_closed(self) -> bool:
        """Whether the run's users stay where they are, since each does one round."""
        return self.listener is not None and self.listener.is_one_round

    def admits(self, client_id: str) -> bool:
        """Whether a worker takes part in the run."""
        worker = self._channel.get(client_id)
        if worker is None or worker.hello is None or worker.is_refused:
            return False
        return self.listener is None or self.listener.join(worker)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """The context in which a run is started: Locust has already chosen its workers."""
        self._is_starting = True
        try:
            yield
        finally:
            self._is_starting = False

    def ready(self) -> list[Worker]:
        """The workers for a run, once each has said its version.

        Raises CouldNotRunError for one that doesn't, and if there are none.
        """
        deadline = time.monotonic() + HELLO_S
        while unknown := [name for name, found in self._connected().items() if found is None or found.is_refused]:
            if time.monotonic() > deadline:
                raise CouldNotRunError(
                    f"{listed(unknown)} runs no fanout {__version__}, or hangs: end it, or start it with a locustfile "
                    "of fanout's"
                )
            gevent.sleep(TICK_S)
        workers = [worker for worker in self._connected().values() if worker is not None]
        if not workers:
            raise CouldNotRunError("no Locust worker is left")
        for worker in workers:  # those that have come while the agents were starting
            self._give_users_to(worker)
        return workers

    def _connected(self) -> dict[str, Worker | None]:
        """The workers that Locust gives users, by client id; None for one that has not said its version."""
        found: dict[str, Worker | None] = {}
        for name, client in self._runner.clients.items():
            if client.state != STATE_MISSING:
                worker = self._channel.get(name)
                found[name] = worker if worker is not None and worker.hello is not None else None
        return found

    def reaches(self, worker: Worker, addresses: tuple[str, ...]) -> bool:
        """Whether the agents' addresses lead the worker to the same agents as this process."""
        is_here = worker.hello is not None and worker.hello.network == self._network
        return is_here or not any(is_loopback(urlsplit(address).hostname or "") for address in addresses)

    def refuse(self, worker: Worker, why: str) -> None:
        """Makes a worker end, with a message."""
        if not worker.is_refused:
            worker.is_refused = True
            if self.listener is None and not self._is_starting:
                # Or Locust would count it as ready, and a master in headless mode would end with its last worker.
                self._runner.clients.pop(worker.client_id, None)
            logger.error("%s", printable(shorten(f"{worker} is refused: {why}", MAX_LINE)))
            self.tell(worker, Refused(why))

    def tell(self, worker: Worker, said: FromMaster) -> None:
        self._channel.tell(worker, said)

    def _hear(self, worker: Worker, said: FromWorker) -> None:
        """Takes what a worker says. Raises ValueError if it can't be true."""
        if isinstance(said, Hello):
            worker.hello = said
            if why := _refusal(said):
                self.refuse(worker, why)
            elif self.listener is not None and not self.is_closed:
                self._give_users_to(worker)
        elif self.listener is not None and not worker.is_refused:
            self.listener.take(worker, said)

    def _give_users_to(self, worker: Worker) -> None:
        """Lets a worker that has come late take some of the users, once Locust has given out those of the start."""
        client = self._runner.clients.get(worker.client_id)
        if self.dispatcher is not None and client is not None:
            self.dispatcher.add_worker(client)

    def _move_users(self) -> None:
        """Gives users to workers that have come late."""
        runner, dispatcher = self._runner, self.dispatcher
        is_idle = dispatcher is not None and not dispatcher.dispatch_in_progress
        if self.has_new_worker and is_idle and runner.state == STATE_RUNNING:
            self.has_new_worker = False
            self._moving = gevent.spawn(runner.start, runner.target_user_count, runner.spawn_rate)

    def stop_moving(self) -> None:
        """Call it before the end of a test, which Locust would take back when it has moved users."""
        self.has_new_worker = False
        if self._moving is not None:
            self._moving.kill()


def _refusal(hello: Hello) -> str | None:
    """Why a worker can't work for this master; None if it can."""
    if hello.fanout != __version__:
        return f"it runs fanout {hello.fanout}, and the master {__version__}: install the same version on all machines"
    if hello.family not in (None, FAMILY):
        return "it belongs to another master, which could not use this port: choose another with --master-bind-port"
    return None
