"""Completes run.json at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fanout.locust_plugin.problems import problems_of
from fanout.locust_plugin.run_end import RunEnd
from fanout.runs.schema import RunConnections, RunInfo, together


def run_info(begun: RunInfo, end: RunEnd) -> RunInfo:
    """`begun`, which the run's writer made, with the facts that are known at the end."""
    counted = [coordinator.connections for coordinator in end.coordinators if coordinator.connections is not None]
    is_complete = len(counted) == len(end.coordinators)
    return replace(
        begun,
        ended_by=end.ended_by,
        questions=end.questions,
        connections=RunConnections(
            **together(counted if is_complete else ()),
            accepted=_total([worker.accepted for worker in end.workers or ()]),
            served=_total([worker.served for worker in end.workers or ()]),
        ),
        agents=end.addresses,
        client=end.client,
        coordinators=end.coordinators,
        workers=end.workers,
        machine_load=end.machine_load,
        locust_workers=end.locust_workers,
        problems=problems_of(end),
    )


def _total(counts: Sequence[int | None]) -> int | None:
    """The sum; None if there are no counts, or one is unknown."""
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
