"""The workers of a master: who is connected, and what they say."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import gevent
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.exception import RPCError
from locust.rpc import Message
from locust.runners import STATE_MISSING, MasterRunner

from fanout import __version__
from fanout.errors import MAX_LINE, CouldNotRunError
from fanout.locust_plugin.distributed import _link
from fanout.locust_plugin.distributed._lines import (
    FromMaster,
    FromWorker,
    Hello,
    Refused,
    from_worker,
    to_line,
)
from fanout.locust_plugin.distributed._link import Link
from fanout.locust_plugin.distributed._networks import network_here
from fanout.locust_plugin.distributed._share import Worker
from fanout.scenario import is_loopback
from fanout.text import listed, printable, shorten

logger = logging.getLogger("fanout")

CHANNEL = "fanout"
"""The type of our messages in Locust's channel."""
TICK_S = 0.1
HELLO_S = 10
"""How long a worker that Locust counts may take to say its version."""
FAMILY = secrets.token_hex(8)
"""Tells a master's own processes (--processes), which have a copy, from those of another master on the same port."""


class Listener(Protocol):
    """A run, which takes what the workers say about it."""

    def join(self, worker: Worker) -> None: ...

    def take(self, worker: Worker, said: FromWorker) -> None: ...

    def tick(self) -> None: ...


class Crew:
    """Lives as long as the master."""

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        self.listener: Listener | None = None
        """The current run."""
        self.users: dict[str, int] = {}
        """How many users Locust has last given each worker, by its client id."""
        self._runner = runner
        self._workers: dict[str, Worker] = {}
        self._network = network_here()
        self._is_starting = False
        """Whether Locust has already chosen the workers of the next run."""
        if not is_loopback(runner.master_bind_host):
            logger.warning(
                "workers connect to %s:%d without a password: whoever reaches it can read the scenario and report "
                "questions, so use it in networks you trust",
                runner.master_bind_host,
                runner.master_bind_port,
            )
        # Otherwise a worker that connects again is ignored until its old connection times out.
        runner.server.socket.router_handover = True
        runner.register_message(CHANNEL, self._take)
        environment.dispatcher_class = noting(self.users)
        gevent.spawn(self._tick)

    def _tick(self) -> None:
        while True:
            for worker in list(self._workers.values()):
                worker.link.tick(time.monotonic())
            if self.listener is not None:
                self.listener.tick()
            gevent.sleep(TICK_S)

    def is_gone(self, worker: Worker) -> bool:
        """Whether it has quit, or Locust has waited for it in vain."""
        return worker.client_id not in self._runner.clients

    def is_missing(self, worker: Worker) -> bool:
        client = self._runner.clients.get(worker.client_id)
        return client is None or client.state == STATE_MISSING

    def ready(self) -> list[Worker]:
        """The workers for a run, once each has said its version. Raises CouldNotRunError for one that doesn't."""
        self._is_starting = True
        try:
            return self._await_versions()
        finally:
            self._is_starting = False

    def _await_versions(self) -> list[Worker]:
        deadline = time.monotonic() + HELLO_S
        while unknown := [name for name, found in self._connected().items() if found is None or found.is_refused]:
            if time.monotonic() > deadline:
                raise CouldNotRunError(
                    f"{listed(unknown)} runs no fanout {__version__}, or hangs: end it, or start it with a locustfile "
                    "of fanout's"
                )
            gevent.sleep(TICK_S)
        return [worker for worker in self._connected().values() if worker is not None]

    def _connected(self) -> dict[str, Worker | None]:
        """The workers that Locust gives users, by client id; None for one that has not said its version."""
        found: dict[str, Worker | None] = {}
        for name, client in self._runner.clients.items():
            if client.state != STATE_MISSING:
                worker = self._workers.get(name)
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
        try:
            worker.link.post(to_line(said))
        except OSError as error:  # the worker gets no orders then, and is lost in the end
            logger.error("%s: can't keep what it is to be told: %s; free some space", worker, error.strerror)

    def _take(self, environment: Environment, msg: Message) -> None:
        worker = self._workers.get(msg.node_id)
        if worker is None:
            worker = self._new_worker(str(msg.node_id))
        try:
            worker.link.take(msg.data)
        except (ValueError, OSError) as error:
            self.refuse(worker, f"it sent what can't be read or kept: {error}")

    def _new_worker(self, client_id: str) -> Worker:
        number = self._runner.get_worker_index(client_id) + 1
        link = Link(self._sender(client_id), lambda line: self._hear(worker, line))
        worker = self._workers[client_id] = Worker(client_id, number, link)
        return worker

    def _sender(self, client_id: str) -> Callable[[_link.Message], None]:
        def send(message: _link.Message) -> None:
            try:
                self._runner.send_message(CHANNEL, message, client_id)
            except RPCError as error:  # the link sends it again
                logger.debug("%s: %s", client_id, error)

        return send

    def _hear(self, worker: Worker, line: dict[str, Any]) -> None:
        """Takes one line of a worker. Raises ValueError if it isn't one."""
        said = from_worker(line)
        if isinstance(said, Hello):
            worker.hello = said
            if why := _refusal(said):
                self.refuse(worker, why)
            elif self.listener is not None:
                self.listener.join(worker)
        elif self.listener is not None and not worker.is_refused:
            self.listener.take(worker, said)


def _refusal(hello: Hello) -> str | None:
    """Why a worker can't work for this master; None if it can."""
    if hello.fanout != __version__:
        return f"it runs fanout {hello.fanout}, and the master {__version__}: install the same version on all machines"
    if hello.family not in (None, FAMILY):
        return "it belongs to another master, which could not use this port: choose another with --master-bind-port"
    return None


def noting(users: dict[str, int]) -> type[UsersDispatcher]:
    """Locust's dispatcher, which also notes how many users each worker is to have."""

    class NotingDispatcher(UsersDispatcher):
        def __next__(self) -> dict[str, dict[str, int]]:
            given = super().__next__()
            users.update({worker: sum(counts.values()) for worker, counts in given.items()})
            return given

    return NotingDispatcher
