"""The plan of a sweep, and sweep.json, which keeps all of it so that the sweep can be resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from fanout import files
from fanout.errors import NoDataError, ScenarioError
from fanout.outcome import MOST
from fanout.scenario import NAME_PATTERN, Scenario, flow_text, parse_scenario
from fanout.sweep._parameters import KEY_PATTERN, Parameter
from fanout.text import printable

SCHEMA = 1
MAX_RUNS = 10_000
PLAN_FILE = "sweep.json"


@dataclass(frozen=True)
class Combination:
    """One value of each parameter."""

    values: tuple[Any, ...]
    """In the order of the parameters."""
    scenario: Scenario


class _Part(BaseModel):
    """A part of sweep.json; unknown keys are ignored."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


Milliseconds = Annotated[float, Field(ge=0, lt=MOST, allow_inf_nan=False)]
"""At most about thirty years (outcome.MOST)."""


class Reference(_Part):
    """Figures from elsewhere, which are shown beside the measured ones."""

    label: Annotated[str, AfterValidator(printable)]
    """Names their source in tables and charts."""
    mean_ms: tuple[Milliseconds | None, ...] = Field(strict=False)
    """The mean adapter latency of each combination; None means unknown."""
    service_time_scale: float | None = Field(default=None, ge=0)
    """The service times' scale in the runs behind these figures; None means unknown."""


@dataclass(frozen=True)
class Plan:
    """A whole sweep."""

    name: str
    """The name of the scenario or the preset."""
    parameters: tuple[Parameter, ...]
    combinations: tuple[Combination, ...]
    repeat: int = 1
    at_once: int = 1
    reference: Reference | None = None

    @property
    def scenarios(self) -> list[Scenario]:
        return [combination.scenario for combination in self.combinations]


_Scalar = str | bool | Annotated[int, Field(ge=-(2**63), lt=2**63)] | float | None
_List = list[_Scalar]
_Value = _Scalar | _List | dict[str, _Scalar | _List | dict[str, _Scalar | _List]]
"""The value of a swept key: a scalar, a list, or a mapping nested at most as deep as `workers`."""


class _ParameterOnDisk(_Part):
    key: str = Field(pattern=rf"^{KEY_PATTERN}$")
    values: list[_Value] = Field(min_length=1)


class _CombinationOnDisk(_Part):
    values: list[_Value]
    scenario: str
    """YAML; names a file of questions relative to sweep.json."""


class _PlanOnDisk(_Part):
    name: str = Field(pattern=rf"^(preset )?{NAME_PATTERN}$")
    repeat: int = Field(ge=1)
    at_once: int = Field(ge=1)
    parameters: list[_ParameterOnDisk] = Field(min_length=1)
    combinations: list[_CombinationOnDisk] = Field(min_length=1, max_length=MAX_RUNS)
    reference: Reference | None = None


def write_plan(plan: Plan, directory: Path) -> None:
    """Writes sweep.json, with copies of the files of questions beside it. Raises CouldNotRunError."""
    with files.writing(directory):
        copies = _copy_questions(plan.scenarios, directory)
        on_disk = _PlanOnDisk(
            name=plan.name,
            repeat=plan.repeat,
            at_once=plan.at_once,
            parameters=[_ParameterOnDisk(key=each.key, values=list(each.values)) for each in plan.parameters],
            combinations=[_combination_on_disk(combination, copies) for combination in plan.combinations],
            reference=plan.reference,
        )
        files.replace(json.dumps({"schema": SCHEMA, **on_disk.model_dump()}, indent=2) + "\n", directory / PLAN_FILE)


def _copy_questions(scenarios: Sequence[Scenario], directory: Path) -> dict[str, str]:
    """Copies each file of questions; returns the copies' names by the originals' paths."""
    files = list(dict.fromkeys(each.questions for each in scenarios if isinstance(each.questions, str)))
    copies = {file: f"questions-{number}.jsonl" for number, file in enumerate(files, 1)}
    for file, copy in copies.items():
        shutil.copyfile(file, directory / copy)
    return copies


def _combination_on_disk(combination: Combination, copies: dict[str, str]) -> _CombinationOnDisk:
    scenario = combination.scenario
    if isinstance(scenario.questions, str):
        scenario = scenario.model_copy(update={"questions": copies[scenario.questions]})
    return _CombinationOnDisk(values=list(combination.values), scenario=scenario.to_yaml())


def read_plan(directory: Path) -> Plan:
    """Raises NoDataError if the directory holds no sweep, a damaged one, or one with another schema."""
    file = directory / PLAN_FILE
    try:
        data: Any = json.loads(files.read(files.within(directory, PLAN_FILE)))
    except (FileNotFoundError, NotADirectoryError):
        raise NoDataError(f"{directory}: not a sweep's directory: it has no {PLAN_FILE}") from None
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise NoDataError(f"{file}: damaged: not JSON; start the sweep again") from None
    schema = data.pop("schema", None) if isinstance(data, dict) else None
    if schema is None:
        raise NoDataError(f"{file}: not a fanout sweep: it has no schema number")
    if schema != SCHEMA:
        raise NoDataError(
            f"{file}: schema {schema}; this version reads {SCHEMA}; resume with the version that wrote it"
        )
    try:
        return _checked(_plan_of(_PlanOnDisk.model_validate(data), file))
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"]))
        raise NoDataError(f"{file}: damaged: {where}: {detail['msg']}; start the sweep again") from error
    except ScenarioError as error:
        raise NoDataError(f"{file}: damaged: {error.problems[0]}; start the sweep again") from error
    except ValueError as error:
        raise NoDataError(f"{file}: damaged: {error}; start the sweep again") from error


def _plan_of(on_disk: _PlanOnDisk, file: Path) -> Plan:
    return Plan(
        name=on_disk.name,
        parameters=tuple(Parameter(each.key, tuple(each.values)) for each in on_disk.parameters),
        combinations=tuple(
            Combination(tuple(each.values), parse_scenario(each.scenario, file, reach=file.parent))
            for each in on_disk.combinations
        ),
        repeat=on_disk.repeat,
        at_once=on_disk.at_once,
        reference=on_disk.reference,
    )


def _checked(plan: Plan) -> Plan:
    """Raises ValueError if the parts are inconsistent."""
    if len(plan.combinations) * plan.repeat > MAX_RUNS:
        raise ValueError(f"more than {MAX_RUNS} runs")
    known = [set(map(flow_text, parameter.values)) for parameter in plan.parameters]
    for combination in plan.combinations:
        if len(combination.values) != len(known):
            raise ValueError("a combination doesn't have one value for each parameter")
        if any(flow_text(value) not in texts for value, texts in zip(combination.values, known, strict=True)):
            raise ValueError("a combination has a value that its parameter doesn't list")
    if len({scenario.name for scenario in plan.scenarios}) < len(plan.combinations):
        raise ValueError("two combinations have the same name")
    if plan.reference is not None and len(plan.reference.mean_ms) != len(plan.combinations):
        raise ValueError("reference doesn't have one figure for each combination")
    return plan
