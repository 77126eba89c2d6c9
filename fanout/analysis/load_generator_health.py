"""Whether a run's load generator, or the machine under it, was what was measured. Pure functions over run.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

CPU_SHARE = 0.8
"""Of one CPU: an event loop has no more, and its queue grows long before it has none left."""
LAG_P50_MS = 5.0
LAG_P99_MS = 50.0
BUSY_SHARE = 0.9
STEAL_SHARE = 0.1


def reasons(info: Mapping[str, Any]) -> list[str]:
    """Why a run is suspect, each with what to do; none for a run that isn't, or that doesn't tell."""
    coordinators = [
        f"coordinator {coordinator['coordinator']} {reason}, so that it measured its own queue: follow the advice on "
        "it before you compare its latencies"
        for coordinator in info.get("coordinators", ())
        for reason in saturation(coordinator)
    ]
    return [*coordinators, *_machine(info.get("machine_load") or {})]


def saturation(coordinator: Mapping[str, Any]) -> Iterator[str]:
    """In which ways a coordinator was saturated.

    One that asks one question at a time can't be, since nothing queues; one that was done before its event loop could
    be sampled doesn't tell.
    """
    health = coordinator.get("health") or {}
    share, lag_ms = health.get("cpu_share"), health.get("loop_lag_ms")
    if lag_ms is None or (coordinator.get("connections") or {}).get("max_in_flight") == 1:
        return
    if share is not None and share >= CPU_SHARE:
        yield f"used {share:.0%} of a CPU"
    for name, limit in (("p50", LAG_P50_MS), ("p99", LAG_P99_MS)):
        if lag_ms[name] >= limit:
            yield f"ran its timers {lag_ms[name]:.0f} ms late ({name})"
            return


def _machine(load: Mapping[str, float]) -> Iterator[str]:
    if load.get("steal", 0) >= STEAL_SHARE:
        yield (
            f"other machines on the same hardware took {load['steal']:.0%} of the CPU time: run it again, or elsewhere"
        )
    if load.get("busy", 0) >= BUSY_SHARE:
        yield f"all CPUs together were {load['busy']:.0%} busy: use fewer agents or coordinators, or a larger machine"
