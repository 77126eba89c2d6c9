"""Whether a run measured its own load generator, or the machine under it. Pure functions over run.json."""

from __future__ import annotations

from collections.abc import Iterator

from fanout.runs.schema import CoordinatorInfo, LoadShares, LoopHealth, RunInfo
from fanout.text import format_ms

CPU_SHARE = 0.8
"""The share of one CPU at which an event loop is saturated, since its queue grows long before 100 %."""
WORKING_SHARE = 0.5
"""Timers that run late when it wants a lower share of a CPU are not late because of the coordinator's own work."""
WAITED_SHARE = 0.2
"""The least share of the time that a coordinator waits for a CPU if other work makes it late."""
LAG_P50_MS = 5.0
LAG_P99_MS = 50.0
BUSY_SHARE = 0.9
STEAL_SHARE = 0.1
_COORDINATOR = "coordinator "


def reasons(info: RunInfo) -> list[str]:
    """Why a run is suspect, each with what to do; empty for a run that isn't, or whose health is unknown."""
    coordinators = [
        f"{_COORDINATOR}{found.coordinator} {reason}, so it measured its own queue: follow the advice on it before you "
        "compare its latencies"
        for found in info.coordinators
        for reason in saturation(found)
    ]
    remote = [
        f"on the machine of {worker}, {reason}"
        for worker in info.locust_workers or ()
        if worker.is_remote
        for reason in _machine(worker.machine_load or LoadShares())
    ]
    return [*coordinators, *_machine(info.machine_load or LoadShares()), *remote]


def is_about_a_coordinator(reason: str) -> bool:
    """Whether the advice on saturated coordinators gives this reason too."""
    return _COORDINATOR in reason  # which repeats put behind a count of runs


def saturation(coordinator: CoordinatorInfo) -> Iterator[str]:
    """The ways in which a coordinator was saturated.

    A coordinator that asks one question at a time can't be, since nothing queues. One that ended before its event loop
    was sampled is unknown.
    """
    health = coordinator.loop_health
    if health is None or health.lag_ms is None:
        return
    if coordinator.connections is not None and coordinator.connections.max_in_flight == 1:
        return
    if health.cpu_share is not None and health.cpu_share >= CPU_SHARE:
        yield f"used {health.cpu_share:.0%} of a CPU"
    for name, lag_ms, limit_ms in (("p50", health.lag_ms.p50, LAG_P50_MS), ("p99", health.lag_ms.p99, LAG_P99_MS)):
        if lag_ms is not None and lag_ms >= limit_ms:
            yield f"ran its timers {format_ms(lag_ms)} late ({name})"
            return


def is_saturated(coordinator: CoordinatorInfo) -> bool:
    """Whether its own work was too much for the CPU that it got. Late timers of an idle one have another reason."""
    health = coordinator.loop_health
    if health is None or next(saturation(coordinator), None) is None:
        return False
    return health.cpu_share is None or health.cpu_share + waited_for_others(health) >= WORKING_SHARE


def waited_for_others(health: LoopHealth) -> float:
    """The share of the time in which it was ready to run and other work had the CPU; 0 if that is unknown.

    Time under a CPU quota is not part of it, though some kernels count it as waiting, too.
    """
    waited_s = (health.waited_for_cpu_s or 0.0) - (health.throttled_s or 0.0)
    return max(0.0, waited_s) / health.wall_s if health.wall_s else 0.0


def lacks_cpu(coordinator: CoordinatorInfo, info: RunInfo) -> bool:
    """Whether other work kept it from running: by its own waiting if that is known, else by the machine's load."""
    health = coordinator.loop_health
    if health is not None and health.waited_for_cpu_s is not None:
        return waited_for_others(health) >= WAITED_SHARE
    return has_busy_machine(coordinator, info)


def has_busy_machine(coordinator: CoordinatorInfo, info: RunInfo) -> bool:
    """Whether the coordinator's machine had hardly any CPU time left."""
    workers = info.locust_workers or ()
    loads = [worker.machine_load for worker in workers if worker.locust_worker == coordinator.locust_worker]
    return _is_busy(next(iter(loads), info.machine_load))


def _is_busy(load: LoadShares | None) -> bool:
    return load is not None and load.busy is not None and load.busy >= BUSY_SHARE


def _machine(load: LoadShares) -> Iterator[str]:
    if load.steal is not None and load.steal >= STEAL_SHARE:
        yield f"other machines on the same hardware took {load.steal:.0%} of the CPU time: run it again, or elsewhere"
    if _is_busy(load):
        yield f"all CPUs together were {load.busy:.0%} busy: use fewer agents or coordinators, or a larger machine"
