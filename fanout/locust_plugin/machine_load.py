"""How busy the whole machine was, from the kernel's own counters."""

from __future__ import annotations

import psutil

from fanout.runs.schema import LoadShares

GUESTS = ("guest", "guest_nice")
"""On Linux `user` and `nice` hold these already."""


class MachineLoad:
    """Since it was made."""

    def __init__(self) -> None:
        self._began = _cpu_times()

    def shares(self) -> LoadShares | None:
        """None where the system doesn't count stolen time, or no time has gone by."""
        began, ended = self._began, _cpu_times()
        # Some kernels let a counter go back a little, see psutil's issue 1210.
        spent = {name: max(ended[name] - began[name], 0.0) for name in ended.keys() & began.keys()}
        total = sum(spent.values())
        if "steal" not in spent or not total:
            return None
        idle = spent["idle"] + spent.get("iowait", 0.0)
        return LoadShares(busy=(total - idle - spent["steal"]) / total, steal=spent["steal"] / total)


def _cpu_times() -> dict[str, float]:
    """Seconds since the machine started, by what its CPUs did; none where the system doesn't say."""
    try:
        times = psutil.cpu_times()._asdict()
    except OSError:
        return {}
    return {name: seconds for name, seconds in times.items() if name not in GUESTS}
