"""Whether two processes have the same loopback addresses: on one machine, and in one network there."""

from __future__ import annotations

import os
import uuid
from pathlib import Path


def network_here() -> str:
    """A text that is equal in two processes only if an agent's loopback address leads to the same agent in both."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}-{os.stat('/proc/self/ns/net').st_ino}"  # noqa: PTH116 (the link leads to no file)
    except OSError:  # not Linux
        return f"{uuid.getnode():x}"
