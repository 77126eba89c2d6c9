"""What is to be run, and sweep.json, which keeps all of it, so that a sweep can be gone on with later."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fanout import files
from fanout.errors import NoDataError, ScenarioError
from fanout.scenario import Scenario, parse_scenario
from fanout.sweep._parameters import Parameter

SCHEMA = 1
PLAN_FILE = "sweep.json"


@dataclass(frozen=True)
class Cell:
    """One combination."""

    values: tuple[Any, ...]
    """One for each parameter."""
    scenario: Scenario
    published_mean_ms: float | None = None
    """What the published run of this combination measured, if there is one."""


@dataclass(frozen=True)
class Plan:
    """A whole sweep."""

    name: str
    """The scenario's, or the preset's."""
    parameters: tuple[Parameter, ...]
    cells: tuple[Cell, ...]
    repeat: int = 1
    at_once: int = 1

    @property
    def scenarios(self) -> list[Scenario]:
        return [cell.scenario for cell in self.cells]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _ParameterOnDisk(_Part):
    key: str
    values: list[Any]


class _CellOnDisk(_Part):
    values: list[Any]
    scenario: str
    """YAML; a file of questions is named relative to sweep.json."""
    published_mean_ms: float | None


class _PlanOnDisk(_Part):
    name: str
    repeat: int = Field(ge=1)
    at_once: int = Field(ge=1)
    parameters: list[_ParameterOnDisk]
    cells: list[_CellOnDisk] = Field(min_length=1)


def write_plan(plan: Plan, directory: Path) -> None:
    """Writes sweep.json, with copies of the files of questions beside it. Raises CouldNotRunError."""
    with files.writing(directory):
        copies = _copy_questions(plan.scenarios, directory)
        on_disk = _PlanOnDisk(
            name=plan.name,
            repeat=plan.repeat,
            at_once=plan.at_once,
            parameters=[_ParameterOnDisk(key=each.key, values=list(each.values)) for each in plan.parameters],
            cells=[_cell_on_disk(cell, copies) for cell in plan.cells],
        )
        files.replace(json.dumps({"schema": SCHEMA, **on_disk.model_dump()}, indent=2) + "\n", directory / PLAN_FILE)


def _copy_questions(scenarios: Sequence[Scenario], directory: Path) -> dict[str, str]:
    """The names of the copies, by the original's path."""
    files = list(dict.fromkeys(each.questions for each in scenarios if isinstance(each.questions, str)))
    copies = {file: f"questions-{number}.jsonl" for number, file in enumerate(files, 1)}
    for file, copy in copies.items():
        shutil.copyfile(file, directory / copy)
    return copies


def _cell_on_disk(cell: Cell, copies: dict[str, str]) -> _CellOnDisk:
    scenario = cell.scenario
    if isinstance(scenario.questions, str):
        scenario = scenario.model_copy(update={"questions": copies[scenario.questions]})
    return _CellOnDisk(values=list(cell.values), scenario=scenario.to_yaml(), published_mean_ms=cell.published_mean_ms)


def read_plan(directory: Path) -> Plan:
    """Raises NoDataError for a directory that holds no sweep, or a damaged one, or one of another fanout's."""
    file = directory / PLAN_FILE
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise NoDataError(f"{directory}: not a sweep's directory: it has no {PLAN_FILE}") from None
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise NoDataError(f"{file}: not JSON, so it is damaged: start the sweep again") from None
    schema = data.pop("schema", None) if isinstance(data, dict) else None
    if schema is None:
        raise NoDataError(f"{file}: has no schema number, so it is not a sweep of fanout's")
    if schema != SCHEMA:
        raise NoDataError(f"{file}: schema {schema}; this version reads {SCHEMA}: resume with the fanout that wrote it")
    try:
        return _checked(_plan_of(_PlanOnDisk.model_validate(data), file))
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"]))
        raise NoDataError(f"{file}: damaged: {where}: {detail['msg']}: start the sweep again") from error
    except ScenarioError as error:
        raise NoDataError(f"{file}: damaged: {error.problems[0]}: start the sweep again") from error
    except ValueError as error:
        raise NoDataError(f"{file}: damaged: {error}: start the sweep again") from error


def _plan_of(on_disk: _PlanOnDisk, file: Path) -> Plan:
    return Plan(
        name=on_disk.name,
        parameters=tuple(Parameter(each.key, tuple(each.values)) for each in on_disk.parameters),
        cells=tuple(
            Cell(tuple(each.values), parse_scenario(each.scenario, file), each.published_mean_ms)
            for each in on_disk.cells
        ),
        repeat=on_disk.repeat,
        at_once=on_disk.at_once,
    )


def _checked(plan: Plan) -> Plan:
    """Raises ValueError where it doesn't fit together."""
    if any(len(cell.values) != len(plan.parameters) for cell in plan.cells):
        raise ValueError("a cell has not one value for each parameter")
    if len({scenario.name for scenario in plan.scenarios}) < len(plan.cells):
        raise ValueError("two cells have the same name")
    return plan
