"""How busy the whole machine was, from the kernel's own counters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

STAT = Path("/proc/stat")
_FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


class MachineLoad:
    """Since it was made. See https://docs.kernel.org/filesystems/proc.html#miscellaneous-kernel-statistics-in-proc-stat."""

    def __init__(self, read: Callable[[], str | None] | None = None) -> None:
        self._read = read or _read
        self._began = self._ticks()

    def to_json(self) -> dict[str, float] | None:
        """Shares of all CPUs' time: `busy` with our work or others', `steal`: wanted, but given to other machines.

        None where the system doesn't tell.
        """
        ended = self._ticks()
        if self._began is None or ended is None:
            return None
        spent = {name: ended[name] - self._began[name] for name in _FIELDS}
        total = sum(spent.values())
        if total <= 0:
            return None
        idle = spent["idle"] + spent["iowait"]
        return {"busy": (total - idle - spent["steal"]) / total, "steal": spent["steal"] / total}

    def _ticks(self) -> dict[str, int] | None:
        text = self._read()
        if text is None or not text.startswith("cpu "):
            return None
        values = [int(value) for value in text.split("\n", 1)[0].split()[1:]]
        return dict(zip(_FIELDS, [*values, *[0] * len(_FIELDS)], strict=False))


def _read() -> str | None:
    try:
        return STAT.read_text(encoding="ascii")
    except OSError:
        return None
