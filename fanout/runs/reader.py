"""A run as read back from its directory, which fanout/runs/writer.py describes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from fanout import files
from fanout.errors import NoDataError, ScenarioError
from fanout.runs.questions_csv import read_frame
from fanout.runs.schema import mistake_in
from fanout.runs.series import Place
from fanout.runs.writer import QUESTIONS_FILE, RUN_FILE, SCENARIO_FILE, SCHEMA
from fanout.scenario import Scenario, load_scenario

MAX_INFO_BYTES = 268_435_456
"""Of run.json: some four hundred for each coordinator and agent."""
_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    1: lambda info: {**info, "schema": 2, "series": None},
    2: lambda info: {**info, "schema": 3},
}
"""What makes a run.json of each older schema one of the next. docs/results-format.md tells the differences."""


@dataclass(frozen=True, eq=False)
class Run:
    """What a run directory holds."""

    directory: Path
    scenario: Scenario
    info: Mapping[str, Any]
    """run.json."""
    questions: pl.DataFrame
    """One row a question, as in questions.csv; see fanout.runs.questions_csv."""

    @property
    def name(self) -> str:
        return self.scenario.name

    @property
    def place(self) -> Place | None:
        """In a series, if it belongs to one."""
        told = self.info.get("series")
        return Place.from_json(told) if told else None

    @property
    def cpu_ms(self) -> float | None:
        """The coordinators' CPU time for each question; None where one of them didn't tell."""
        coordinators = self.info.get("coordinators", ())
        told = [found["health"]["cpu_s"] for found in coordinators if found.get("health")]
        return sum(told) * 1000 / self.questions.height if told and len(told) == len(coordinators) else None


def read_run(directory: Path) -> Run:
    """Reads a run directory, and nothing outside of it.

    Raises NoDataError for one that is missing, unfinished, empty or not ours.
    """
    info = _read_info(directory)
    if info.get("ended") is None:
        raise NoDataError(f"{directory}: the run has not ended: wait for it, or if it was killed, run it again")
    try:
        scenario = load_scenario(files.within(directory, SCENARIO_FILE), reach=directory)
    except ScenarioError as error:
        raise NoDataError(f"{directory}: its scenario can't be read: {error}") from error
    if mistake := mistake_in(info, scenario.agent_count):
        raise NoDataError(f"{directory / RUN_FILE}: {mistake}: it is damaged, so run it again")
    file = files.within(directory, QUESTIONS_FILE)
    questions = read_frame(file)
    if questions.is_empty():
        raise NoDataError(f"{file}: no question ended in this run; run it again")
    if (agent := questions.select(pl.col("agent").max()).item()) > scenario.agent_count:
        raise NoDataError(f"{file}: agent {agent} of {scenario.agent_count}: it is damaged, so run it again")
    return Run(directory, scenario, info, questions)


def _read_info(directory: Path) -> dict[str, Any]:
    file = directory / RUN_FILE
    try:
        info: Any = json.loads(files.read(files.within(directory, RUN_FILE), MAX_INFO_BYTES))
    except FileNotFoundError:
        raise NoDataError(f"{directory}: not a run directory: it has no {RUN_FILE}") from None
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise NoDataError(f"{file}: not JSON, so not a run of fanout's") from None
    if not isinstance(info, dict) or type(info.get("schema")) is not int:
        raise NoDataError(f"{file}: has no schema number, so it is not a run of fanout's")
    while info["schema"] in _UPGRADES:
        info = _UPGRADES[info["schema"]](info)
    if info["schema"] != SCHEMA:
        raise NoDataError(
            f"{file}: schema {info['schema']}; this version reads 1 to {SCHEMA}: compare with the fanout that wrote it"
        )
    return dict(info)
