"""How much memory this process has used."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_mib(status: Path = STATUS) -> float | None:
    """The largest resident memory so far; None where the system doesn't tell.

    Not ru_maxrss, which begins with the memory of the process that started this one.
    """
    try:
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    peak = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if peak is None else int(peak) / 1024
