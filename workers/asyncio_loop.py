"""The event loop of agents whose server runs on asyncio. It counts connections, and injects their faults."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from fanout.scenario import MOST_PER_AGENT
from workers.server import Served, stays_open

THREADS = 4 * MOST_PER_AGENT
"""The most requests that a process serves at the same time. A thread starts only when all others are busy."""
_GRACE_S = 0.2


class CountingLoop(asyncio.SelectorEventLoop):
    """An event loop that counts the connections it accepts, before their TLS handshake."""

    def __init__(self, served: Sequence[Served], threads: Executor) -> None:
        super().__init__()
        self._by_port = {each.listener.getsockname()[1]: each for each in served}
        self._threads = threads

    async def _accept_connection2(self, protocol_factory: Any, conn: socket.socket, *rest: Any) -> None:  # noqa: ANN401
        """What asyncio does with each accepted connection. No public method is called so early."""
        served = self._by_port[conn.getsockname()[1]]
        served.counters.accepted += 1
        if served.on_accept is stays_open or await self.run_in_executor(self._threads, served.on_accept, conn):
            await super()._accept_connection2(protocol_factory, conn, *rest)  # type: ignore[misc]


def run(
    served: Sequence[Served], until: int, serve: Callable[[Served, Executor, asyncio.Event], Coroutine[Any, Any, None]]
) -> None:
    """Runs a server for each agent until the pipe `until` is closed. They should end soon after the event is set."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # clients that leave are not our errors
    threads = ThreadPoolExecutor(THREADS)
    loop = CountingLoop(served, threads)

    async def serve_all() -> None:
        end = asyncio.Event()
        loop.add_reader(until, end.set)
        tasks = [loop.create_task(serve(each, threads, end)) for each in served]
        ending = loop.create_task(end.wait())
        done, _ = await asyncio.wait([ending, *tasks], return_when=asyncio.FIRST_COMPLETED)
        loop.remove_reader(until)
        for task in done - {ending}:
            task.result()  # a server that can't serve
        await asyncio.wait(tasks, timeout=_GRACE_S)

    loop.run_until_complete(serve_all())  # the process ends then, and with it what is still in flight
