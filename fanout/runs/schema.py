"""The shape of run.json, as far as it is read; docs/results-format.md has all of it.

Whatever a run is summed up, judged or drawn by is here with its kind and its bounds, so that nothing after this trips
over a file that is damaged or that somebody made up.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

MOST = 10**12
"""Of any count, and of any time in ms or s: sums of these stay exact, and their quotients finite."""

Count = Annotated[int, Field(ge=0, le=MOST)]
Number = Annotated[float, Field(ge=0, le=MOST)]
Ordinal = Annotated[int, Field(ge=1, le=MOST)]
Scalar = str | int | float | bool | None


class _Part(BaseModel):
    """Keys that aren't read may be anything; those that are have exactly their kind."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Place(_Part):
    series: str
    place: Ordinal
    repeat: Ordinal


class _Connections(_Part):
    opened: Count
    reused: Count
    closed_by_us: Count
    closed_by_peer: Count
    closes_announced: Count = 0
    elsewhere: Count
    max_in_flight: Count
    max_in_pool: Count


class _MeanAndMax(_Part):
    mean: Number
    max: Number


class _Lookups(_Part):
    count: Count
    queued_ms: _MeanAndMax | None
    took_ms: _MeanAndMax | None

    @model_validator(mode="after")
    def _has_times_of_what_it_counts(self) -> _Lookups:
        if self.count and (self.queued_ms is None or self.took_ms is None):
            raise ValueError("lookups that were counted have no times")
        return self


class _Executor(_Part):
    threads: Count
    max_busy_threads: Count


class _Lag(_Part):
    p50: Number
    p99: Number


class _Health(_Part):
    cpu_s: Number
    cpu_share: Number | None
    loop_lag_ms: _Lag | None


class _Coordinator(_Part):
    """One that could not tell in the end has nothing but its number."""

    coordinator: Ordinal
    connections: _Connections | None = None
    agents: list[_Connections] = []
    lookups: _Lookups | None = None
    executor: _Executor | None = None
    health: _Health | None = None

    @model_validator(mode="after")
    def _told_all_or_nothing(self) -> _Coordinator:
        if self.connections is not None and None in (self.lookups, self.executor):
            raise ValueError("it has connections, but no lookups or executor")
        return self


class _Load(_Part):
    busy: Number
    steal: Number


class _Client(_Part):
    clients: Ordinal = 1
    made_in_ms: Number = 0
    proxies: list[str] = []


class _Git(_Part):
    revision: str
    dirty: bool


class _Worker(_Part):
    agent: Ordinal
    deaths: list[dict[str, Scalar]] = []


class _Info(_Part):
    ended: Number | None
    ended_by: str | None = None
    series: _Place | None = None
    questions: dict[str, Count | None] = {}
    connections: dict[str, Count | None] = {}
    coordinators: list[_Coordinator] = []
    agents: list[str] = []
    client: _Client | None = None
    workers: list[_Worker] | None = None
    machine_load: _Load | None = None
    versions: dict[str, str | None] = {}
    machine: dict[str, Scalar] = {}
    git: _Git | None = None
    problems: list[str] = []


def mistake_in(info: dict[str, Any], agents: int) -> str | None:
    """Where a run.json is something else, and what it should be; None where it isn't.

    `agents` is how many its scenario has.
    """
    try:
        shape = _Info.model_validate(info)
    except ValidationError as error:
        detail = error.errors()[0]
        return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
    for number, found in enumerate(shape.coordinators):
        if found.connections is not None and len(found.agents) != agents:
            return f"coordinators.{number}.agents: {len(found.agents)} of the scenario's {agents} agents"
    return None
