from __future__ import annotations

import os

from workers.counters import shared_counters


def test_counts_are_seen_across_processes_and_outlive_them() -> None:
    first, second = shared_counters(2)
    pid = os.fork()
    if pid == 0:
        second.accepted += 3
        second.served += 5
        os._exit(0)
    os.waitpid(pid, 0)
    assert (first.accepted, first.served) == (0, 0)
    assert (second.accepted, second.served) == (3, 5)
