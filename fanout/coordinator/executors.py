"""The threads of a coordinator: asyncio's default executor, and the resolver's own executor if it has one."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from fanout.coordinator.event_loop import ObservedLoop
from fanout.coordinator.loop_faults import LoopFaults
from fanout.scenario import CoordinatorSettings


def new_loop(settings: CoordinatorSettings, *, observed: bool, seed: str = "") -> asyncio.AbstractEventLoop:
    """The event loop for these settings, with its executors and faults. Without `observed` it is asyncio's own loop.

    `seed` decides which lookups get a fault. Raises CouldNotRunError for a fault that this system can't inject.
    """
    loop = ObservedLoop() if observed else asyncio.new_event_loop()
    if settings.executor.threads is not None:
        loop.set_default_executor(ThreadPoolExecutor(settings.executor.threads))
    if isinstance(loop, ObservedLoop):
        loop.faults = LoopFaults(settings.faults, seed)
        loop.faults.check()
        if settings.resolver == "own_executor":
            loop.resolver = ThreadPoolExecutor(default_threads())
    return loop


def threads_of(settings: CoordinatorSettings) -> int:
    """How many threads the default executor may have."""
    return settings.executor.threads or default_threads()


def default_threads() -> int:
    """The default number of threads in asyncio's default executor.

    See https://docs.python.org/3/library/concurrent.futures.html#concurrent.futures.ThreadPoolExecutor.
    """
    count_cpus = getattr(os, "process_cpu_count", os.cpu_count)  # Python 3.13 and later have the former
    return min(32, (count_cpus() or 1) + 4)
