"""Reads a run from its directory, which fanout/runs/writer.py describes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from fanout import files
from fanout.errors import NoDataError, ScenarioError
from fanout.runs.info import read_run_info
from fanout.runs.questions_csv import TYPES, read_frame
from fanout.runs.schema import RunInfo
from fanout.runs.writer import QUESTIONS_FILE, RUN_FILE, SCENARIO_FILE
from fanout.scenario import DispatchSettings, Scenario, load_scenario


@dataclass(frozen=True, eq=False)
class Run:
    """The contents of a run directory."""

    directory: Path
    scenario: Scenario
    info: RunInfo
    """run.json."""
    questions: pl.DataFrame
    """questions.csv, with one row per question; see fanout.runs.questions_csv."""

    def narrowed(self, columns: Collection[str]) -> Run:
        """The run with only these columns of its questions, which may be millions."""
        return replace(self, questions=self.questions.select(name for name in TYPES if name in columns))

    def with_column(self, name: str) -> Run:
        """The run with this column, which is read again if it was left out. Raises NoDataError."""
        if name in self.questions.columns:
            return self
        again = read_frame(files.within(self.directory, QUESTIONS_FILE))
        return replace(self, questions=self.questions.with_columns(again[name]))

    @property
    def name(self) -> str:
        return self.scenario.name

    @property
    def cpu_ms(self) -> float | None:
        """The coordinators' CPU time per question; None if one of them didn't report it."""
        spent = [found.loop_health.cpu_s if found.loop_health else None for found in self.info.coordinators]
        known = [cpu_s for cpu_s in spent if cpu_s is not None]
        return sum(known) * 1000 / self.questions.height if known and len(known) == len(spent) else None

    @property
    def memory_mib(self) -> float | None:
        """The most memory that a coordinator had; None if one of them didn't report it."""
        found = [coordinator.memory_mib for coordinator in self.info.coordinators]
        known = [memory_mib for memory_mib in found if memory_mib is not None]
        return max(known) if known and len(known) == len(found) else None


def read_run(directory: Path) -> Run:
    """Reads a run directory, and nothing outside of it.

    Raises NoDataError if it is missing, unfinished, empty or not ours.
    """
    info = read_run_info(directory)
    if info.ended is None:
        raise NoDataError(f"{directory}: the run has not ended: wait for it, or run it again if it was killed")
    run = _read(directory, info)
    if run.questions.is_empty():
        raise NoDataError(f"{directory / QUESTIONS_FILE}: no question ended in this run; run it again")
    return run


def read_run_so_far(directory: Path, info: RunInfo) -> Run:
    """Reads a run that has not ended, of which `info` is known so far. There may be no questions yet.

    Raises NoDataError.
    """
    return _read(directory, info, is_growing=True)


def _read(directory: Path, info: RunInfo, *, is_growing: bool = False) -> Run:
    scenario = _scenario_of(directory)
    for number, found in enumerate(info.coordinators):
        if found.agents and len(found.agents) != scenario.agent_count:
            raise NoDataError(
                f"{directory / RUN_FILE}: coordinators.{number}.agents: has {len(found.agents)}, but the scenario has "
                f"{scenario.agent_count} agents: it is damaged, so run it again"
            )
    file = files.within(directory, QUESTIONS_FILE)
    questions = read_frame(file, is_growing=is_growing)
    if (agent := questions.select(pl.col("agent").max()).item() or 0) > scenario.agent_count:
        raise NoDataError(
            f"{file}: agent {agent}, but the scenario has {scenario.agent_count}: it is damaged, so run it again"
        )
    return Run(directory, scenario, info, questions)


def _scenario_of(directory: Path) -> Scenario:
    try:
        scenario = load_scenario(files.within(directory, SCENARIO_FILE), reach=directory)
    except ScenarioError as error:
        raise NoDataError(f"{directory}: its scenario can't be read: {error}") from error
    if "dispatch" in scenario.model_fields_set:
        return scenario
    # Older versions had no such key, and never waited.
    return scenario.model_copy(update={"dispatch": DispatchSettings(on_failure="continue")})
