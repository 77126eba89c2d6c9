"""What a report stands on: the scenarios that ran, on what, and where the runs are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fanout.analysis.compare import Row
from fanout.report._report import UNKNOWN, readable
from fanout.runs.reader import Run


@dataclass(frozen=True)
class Fact:
    """One thing that a run ran on."""

    name: str
    values: tuple[tuple[str, tuple[str, ...]], ...]
    """Each value there is, and the labels of the rows that have it."""

    @property
    def differs(self) -> bool:
        return len(self.values) > 1


@dataclass(frozen=True)
class Ground:
    """Of one row."""

    label: str
    directories: tuple[str, ...]
    """The runs', or the files that they were read from."""
    scenario: str | None
    """As YAML; None where it isn't known."""


def grounds(rows: Sequence[Row]) -> list[Ground]:
    """What each row stands on."""
    return [
        Ground(
            row.label,
            tuple(run.source for run in row.repeats.runs),
            next((run.run.scenario.to_yaml() for run in row.repeats.runs if run.run is not None), None),
        )
        for row in rows
    ]


def environment(rows: Sequence[Row]) -> list[Fact]:
    """What the runs ran on, each fact with its values; what differs comes first."""
    found: dict[str, dict[str, list[str]]] = {}
    known = [(row.label, dict(_facts(run.run))) for row in rows for run in row.repeats.runs if run.run is not None]
    names = dict.fromkeys(name for _, facts in known for name in facts)
    for label, facts in known:
        for name in names:
            labels = found.setdefault(name, {}).setdefault(facts.get(name, UNKNOWN), [])
            if label not in labels:
                labels.append(label)
    whole = [Fact(name, tuple((value, tuple(of)) for value, of in values.items())) for name, values in found.items()]
    return sorted(whole, key=lambda fact: not fact.differs)


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    git = None if run.info.git is None else vars(run.info.git)
    for told in (run.info.versions, run.info.machine, git):
        yield from ((name, readable(value)) for name, value in (told or {}).items())
