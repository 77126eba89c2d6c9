"""What is known of a run when the last of its processes has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fanout.locust_plugin.answer_tally import Answers
from fanout.outcome import STATUSES
from fanout.runs.schema import ClientInfo, CoordinatorInfo, EndedBy, LoadShares, QuestionCounts, WorkerInfo


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """All that run.json's figures and problems are made of."""

    began: float
    """When the agents were ready, in Unix seconds."""
    ended_by: EndedBy
    failure: str | None = None
    """Why the run could not go on."""
    planned: int = 0
    """Questions."""
    ended: Mapping[str, int] = field(default_factory=dict)
    """Questions that ended, by status."""
    answers: Answers = field(default_factory=Answers)
    coordinators: tuple[CoordinatorInfo, ...] = ()
    """Those that got ready; one that could not report in the end has no count of the questions that it asked."""
    client: ClientInfo | None = None
    addresses: tuple[str, ...] = ()
    """The agents', in order."""
    workers: tuple[WorkerInfo, ...] | None = None
    """What the agents counted; None for agents that weren't started for the run, or whose fleet is gone."""
    unresponsive: frozenset[int] = frozenset()
    """Agents, counted from 1, that a fault of the scenario keeps from counting."""
    machine_load: LoadShares | None = None

    @property
    def questions(self) -> QuestionCounts:
        asked = [coordinator.asked for coordinator in self.coordinators if coordinator.asked is not None]
        return QuestionCounts(
            planned=self.planned,
            dispatched=sum(asked) if len(asked) == len(self.coordinators) else None,
            **{status: self.ended.get(status, 0) for status in STATUSES},
        )
