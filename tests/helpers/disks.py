"""Full disks."""

from __future__ import annotations

import sys


def within_files_up_to(size_bytes: int) -> list[str]:
    """A command that runs another one with a limit on the size of files, as if the disk were full then."""
    limit = f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({size_bytes}, {size_bytes}))"
    return [sys.executable, "-c", f"{limit}; os.execv(sys.argv[1], sys.argv[1:])"]
