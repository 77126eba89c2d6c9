"""Carries lines between a master and its workers, over Locust's channel."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from locust.env import Environment
from locust.exception import RPCError
from locust.rpc import Message
from locust.rpc.zmqrpc import Server
from locust.runners import MasterRunner

from fanout.errors import MAX_LINE
from fanout.locust_plugin.distributed import _link
from fanout.locust_plugin.distributed._lines import FromMaster, FromWorker, from_worker, to_line
from fanout.locust_plugin.distributed._link import Link
from fanout.locust_plugin.distributed._share import Worker
from fanout.text import printable, shorten

logger = logging.getLogger("fanout")

CHANNEL = "fanout"
"""The type of our messages in Locust's channel."""


class Channel:
    """Owns a link to each worker that has ever said something and is not forgotten."""

    def __init__(
        self,
        runner: MasterRunner,
        on_line: Callable[[Worker, FromWorker], None],
        on_nonsense: Callable[[Worker, str], None],
    ) -> None:
        """`on_line` may raise ValueError for a line that can't be true. `on_nonsense` takes why a worker is refused."""
        self._runner = runner
        self._on_line = on_line
        self._on_nonsense = on_nonsense
        self._server: Server | None = None
        self._workers: dict[str, Worker] = {}
        runner.register_message(CHANNEL, self._take)

    def __iter__(self) -> Iterator[Worker]:
        return iter(list(self._workers.values()))

    def get(self, client_id: str) -> Worker | None:
        return self._workers.get(client_id)

    def forget(self, worker: Worker) -> None:
        worker.link.close()
        del self._workers[worker.client_id]

    def tell(self, worker: Worker, said: FromMaster) -> None:
        try:
            worker.link.post(to_line(said))
        except OSError as error:  # the worker gets no orders then, and is lost in the end
            logger.error("%s: can't keep what it is to be told: %s; free some space", worker, error.strerror)

    def tick(self) -> None:
        """Sends what is due. Call it regularly."""
        if self._runner.server is not self._server:  # at the beginning, and after Locust has reset its connections
            self._server = self._runner.server
            # Otherwise a worker that connects again is ignored until its old connection times out.
            self._runner.server.socket.router_handover = True
        now = time.monotonic()
        for worker in self:
            try:
                worker.link.tick(now)
            except OSError as error:
                self._on_nonsense(worker, f"what it is to be told can't be read again: {error.strerror}")

    def _take(self, environment: Environment, msg: Message) -> None:
        worker = self._workers.get(msg.node_id)
        try:
            if worker is None:
                if msg.node_id not in self._runner.clients:
                    return  # it belonged to an earlier master, or has quit
                worker = self._new_worker(str(msg.node_id))
            worker.link.take(msg.data)
        except (ValueError, OSError) as error:
            why = f"it sent what can't be read or kept: {error}"
            if worker is not None:
                self._on_nonsense(worker, why)
            else:
                logger.error("%s", printable(shorten(f"{msg.node_id}: {why}", MAX_LINE)))

    def _new_worker(self, client_id: str) -> Worker:
        """Raises OSError if there is no space for what it is to be told."""

        def hear(line: dict[str, Any]) -> None:
            self._on_line(worker, from_worker(line))

        number = self._runner.get_worker_index(client_id) + 1
        worker = self._workers[client_id] = Worker(client_id, number, Link(self._sender(client_id), hear))
        return worker

    def _sender(self, client_id: str) -> Callable[[_link.Message], None]:
        def send(message: _link.Message) -> None:
            try:
                self._runner.send_message(CHANNEL, message, client_id)
            except RPCError as error:  # the link sends it again
                logger.debug("%s: %s", client_id, error)

        return send
