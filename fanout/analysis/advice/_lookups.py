"""How long name lookups waited for a thread, and how long they took."""

from __future__ import annotations

from fanout.analysis.advice._figures import MUCH, Figures
from fanout.runs.schema import LookupTimes, MeanAndMax

WORTH_MS = 5.0
"""The least wait for a lookup that is worth advice."""


def lookup_times(run: Figures) -> tuple[float, float]:
    """The mean wait of the lookups for a thread, and the mean duration of the lookup itself; 0 if none succeeded."""
    count, queued_ms, took_ms = 0, 0.0, 0.0
    for found in run.coordinators:
        reported = found.lookups or LookupTimes()
        queued, took = ((times or MeanAndMax()).mean for times in (reported.queued_ms, reported.took_ms))
        if reported.count and queued is not None and took is not None:
            count += reported.count
            queued_ms += queued * reported.count
            took_ms += took * reported.count
    return (queued_ms / count, took_ms / count) if count else (0.0, 0.0)


def executor_threads(run: Figures) -> tuple[int, int]:
    """The executor's threads, and the most of them that blocking calls held at the same time."""
    used = [found.executor for found in run.coordinators if found.executor is not None]
    busy, threads = max(((each.max_busy_threads or 0, each.threads or 0) for each in used), default=(0, 0))
    return threads, busy


def lookups_matter(run: Figures) -> bool:
    """Whether lookups, or the wait for a thread, took enough of the answered questions' time to be a cause."""
    return max(lookup_times(run)) >= WORTH_MS and run.share("resolving") >= MUCH
