"""The facts about a run when its last process has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fanout.locust_plugin.answer_tally import Answers
from fanout.outcome import STATUSES
from fanout.runs.schema import (
    ClientInfo,
    CoordinatorInfo,
    EndedBy,
    LoadShares,
    LocustWorkerInfo,
    QuestionCounts,
    WorkerInfo,
)


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """Everything from which the figures and problems in run.json are made."""

    began: float
    """When the agents were ready, in Unix seconds."""
    ended_by: EndedBy
    failure: str | None = None
    """Why the run could not continue."""
    planned: int = 0
    """The number of questions to ask."""
    ended: Mapping[str, int] = field(default_factory=dict)
    """The number of questions that ended, by status."""
    answers: Answers = field(default_factory=Answers)
    coordinators: tuple[CoordinatorInfo, ...] = ()
    """The coordinators that got ready. One without a final report has no count of the questions that it asked."""
    client: ClientInfo | None = None
    addresses: tuple[str, ...] = ()
    """The addresses of the agents, in order."""
    workers: tuple[WorkerInfo, ...] | None = None
    """The counts of the agents; None if they weren't started for the run, or if their fleet is gone."""
    unresponsive: frozenset[int] = frozenset()
    """Agents, counted from 1, that can't count because of a fault in the scenario."""
    machine_load: LoadShares | None = None
    locust_workers: tuple[LocustWorkerInfo, ...] | None = None

    @property
    def questions(self) -> QuestionCounts:
        asked = [coordinator.asked for coordinator in self.coordinators if coordinator.asked is not None]
        return QuestionCounts(
            planned=self.planned,
            dispatched=sum(asked) if len(asked) == len(self.coordinators) else None,
            **{status: self.ended.get(status, 0) for status in STATUSES},
        )
