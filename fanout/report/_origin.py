"""The origin of a report's figures: the scenarios, the environment, and the run directories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fanout.analysis.compare import Row
from fanout.report._report import UNKNOWN, readable
from fanout.runs.reader import Run


@dataclass(frozen=True)
class Fact:
    """One property of the environment, such as the version of httpx."""

    name: str
    values: tuple[tuple[str, tuple[str, ...]], ...]
    """Each value, with the labels of the rows that have it."""

    @property
    def differs(self) -> bool:
        return len(self.values) > 1


@dataclass(frozen=True)
class Origin:
    """Where the figures of one row come from."""

    label: str
    directories: tuple[str, ...]
    """The run directories, or the files that were read."""
    scenario: str | None
    """The scenario as YAML; None if it is unknown."""


def origins(rows: Sequence[Row]) -> list[Origin]:
    return [
        Origin(
            row.label,
            tuple(run.source for run in row.repeats.runs),
            next((run.run.scenario.to_yaml() for run in row.repeats.runs if run.run is not None), None),
        )
        for row in rows
    ]


def environment(rows: Sequence[Row]) -> list[Fact]:
    """The environments of the runs, one fact for each property. Facts that differ between rows come first."""
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
    for properties in (run.info.versions, run.info.machine, git):
        yield from ((name, readable(value)) for name, value in (properties or {}).items())
