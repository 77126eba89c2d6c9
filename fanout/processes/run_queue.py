"""How long Linux let a thread wait for a CPU, though it was ready to run."""

from __future__ import annotations

from pathlib import Path

OWN = Path("/proc/thread-self/schedstat")


def waited_s(own: Path = OWN) -> float | None:
    """The seconds so far of the thread that calls; None where the system doesn't tell.

    It is the second number: https://docs.kernel.org/scheduler/sched-stats.html.
    """
    try:
        _, waited_ns, _ = own.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return int(waited_ns) / 1e9 if waited_ns.isdecimal() else None
