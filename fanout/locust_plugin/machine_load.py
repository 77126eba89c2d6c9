"""Measures how busy the whole machine was, from the kernel's counters."""

from __future__ import annotations

import psutil

from fanout.runs.schema import LoadShares

GUESTS = ("guest", "guest_nice")
"""On Linux, `user` and `nice` include these."""


class MachineLoad:
    """The load since the object was created."""

    def __init__(self) -> None:
        self._began = _cpu_times()

    def shares(self) -> LoadShares | None:
        """None if the system doesn't count stolen time, or no time has passed."""
        began, ended = self._began, _cpu_times()
        # In some kernels a counter can go back a little (psutil's issue 1210).
        spent = {name: max(ended[name] - began[name], 0.0) for name in ended.keys() & began.keys()}
        total = sum(spent.values())
        if "steal" not in spent or not total:
            return None
        idle = spent["idle"] + spent.get("iowait", 0.0)
        return LoadShares(busy=(total - idle - spent["steal"]) / total, steal=spent["steal"] / total)


def _cpu_times() -> dict[str, float]:
    """The seconds that the CPUs have spent in each state; empty if the system doesn't tell."""
    try:
        times = psutil.cpu_times()._asdict()
    except OSError:
        return {}
    return {name: seconds for name, seconds in times.items() if name not in GUESTS}
