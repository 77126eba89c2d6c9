"""run.json: every key there is, its type and its bounds. A run's writer makes a RunInfo, and its readers are given one.

A key that is missing is None or empty, and means: not known. Only what tells one coordinator, agent or death from
another has to be there. Keys that aren't here are left alone. SCHEMA grows when a meaning changes, not when a key is
added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import Field, TypeAdapter, ValidationError

from fanout.json_object import JsonObject
from fanout.outcome import MOST
from fanout.runs.series import Ordinal, Place

SCHEMA = 1

Count = Annotated[int, Field(strict=True, ge=0, le=MOST)]
Number = Annotated[float, Field(strict=True, ge=0, le=MOST)]
Flag = Annotated[bool, Field(strict=True)]
Scalar = str | int | float | bool | None
EndedBy = Literal["rounds_done", "stopped", "interrupted", "not_started"]


@dataclass(frozen=True, kw_only=True)
class ConnectionCounts:
    """What the clients counted, of one agent or of all. A field is the one declaration of its counter.

    The counts of several coordinators or agents add up, but for a `max_`: of those the whole has the largest.
    """

    opened: Count | None = None
    not_opened: Count | None = None
    """Tries to open one that came to nothing. The agent may have accepted it all the same."""
    reused: Count | None = None
    """Questions that went out on a connection that existed before."""
    closed_by_us: Count | None = None
    closed_by_peer: Count | None = None
    """Connections that the peer closed, or announced to close."""
    closes_announced: Count | None = None
    """How many of those it had announced."""
    open: Count | None = None
    """That nobody has closed so far."""
    elsewhere: Count | None = None
    """Connections that led to another port than the agent's: to a proxy."""
    max_in_flight: Count | None = None
    """Questions at once, at one coordinator."""
    max_in_pool: Count | None = None
    """Connections at once, at one coordinator, those that are being opened included."""


COUNTERS: tuple[str, ...] = tuple(each.name for each in fields(ConnectionCounts))


def together(parts: Sequence[ConnectionCounts]) -> dict[str, int | None]:
    """The counts of a whole, by counter; None for one that isn't known of all parts."""
    return {name: _whole(name, [getattr(part, name) for part in parts]) for name in COUNTERS}


def _whole(counter: str, counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    if not known or len(known) < len(counts):
        return None
    return max(known) if counter.startswith("max_") else sum(known)


@dataclass(frozen=True, kw_only=True)
class RunConnections(ConnectionCounts):
    """Of a whole run, with what the agents counted themselves."""

    accepted: Count | None = None
    """Connections."""
    served: Count | None = None
    """Requests."""


@dataclass(frozen=True, kw_only=True)
class AgentConnections(ConnectionCounts):
    """Of one coordinator to one agent."""

    agent: Ordinal


@dataclass(frozen=True)
class MeanAndMax:
    mean: Number | None = None
    max: Number | None = None


@dataclass(frozen=True)
class LookupTimes:
    """Name lookups that were answered: how many, how long each waited for a thread, and then took, in ms."""

    count: Count | None = None
    queued_ms: MeanAndMax | None = None
    took_ms: MeanAndMax | None = None


@dataclass(frozen=True)
class ExecutorUse:
    """Of asyncio's default executor."""

    threads: Count | None = None
    blocking_calls: Count | None = None
    max_busy_threads: Count | None = None


@dataclass(frozen=True)
class Lag:
    """How late an event loop ran a timer, in ms."""

    p50: Number | None = None
    p99: Number | None = None
    max: Number | None = None


@dataclass(frozen=True)
class LoopHealth:
    """Of a coordinator's process while it worked."""

    cpu_s: Number | None = None
    wall_s: Number | None = None
    cpu_share: Number | None = None
    """Of one CPU."""
    lag_ms: Lag | None = None


@dataclass(frozen=True)
class CoordinatorInfo:
    """One coordinator. One that could not say in the end what it had counted has little but its number."""

    coordinator: Ordinal
    pid: Count | None = None
    rounds: Count | None = None
    asked: Count | None = None
    """Questions."""
    connections: ConnectionCounts | None = None
    agents: tuple[AgentConnections, ...] = ()
    """In their order."""
    lookups: LookupTimes | None = None
    executor: ExecutorUse | None = None
    loop_health: LoopHealth | None = None


@dataclass(frozen=True)
class EffectiveLimits:
    """As the pool has them; None: unlimited."""

    max_connections: Count | None = None
    max_keepalive_connections: Count | None = None
    keepalive_expiry_s: Number | None = None


@dataclass(frozen=True)
class ClientInfo:
    """The clients of a coordinator, as they really are."""

    topology: str | None = None
    clients: Ordinal | None = None
    made_in_ms: Number | None = None
    """How long making all of them took."""
    limits: EffectiveLimits | None = None
    timeout_s: Mapping[str, Number | None] | None = None
    """None of one: no timeout."""
    trust_env: Flag | None = None
    proxies: tuple[str, ...] | None = None
    """The schemes for which the environment names one, where it is obeyed."""


@dataclass(frozen=True)
class Death:
    """One end of an agent's process that nobody asked for."""

    at: Number
    """In Unix seconds."""
    how: str
    """`exit status 70`, `SIGKILL`, or why it could not be started again."""
    restarted: Flag
    """Whether another process was started in its place."""


@dataclass(frozen=True)
class WorkerInfo:
    """An agent that was started for the run."""

    agent: Ordinal
    pid: Count | None = None
    """None: its process has ended."""
    accepted: Count | None = None
    """Connections."""
    served: Count | None = None
    """Requests."""
    alive: Flag | None = None
    deaths: tuple[Death, ...] | None = None


@dataclass(frozen=True)
class QuestionCounts:
    planned: Count | None = None
    dispatched: Count | None = None
    ok: Count | None = None
    failed: Count | None = None
    abandoned: Count | None = None


@dataclass(frozen=True)
class LoadShares:
    """Of all CPUs' time."""

    busy: Number | None = None
    steal: Number | None = None
    """That this machine wanted, and others on the same hardware were given."""


@dataclass(frozen=True)
class Git:
    revision: str | None = None
    dirty: Flag | None = None
    """Whether files differed from it."""


@dataclass(frozen=True)
class RunInfo:
    """All of run.json."""

    schema: int
    scenario: str | None = None
    """Its name."""
    seed: Annotated[int, Field(strict=True, ge=0)] | None = None
    series: Place | None = None
    """Its place in a series of runs that were made in turn; None: it belongs to none."""
    started: Number | None = None
    """In Unix seconds."""
    ended: Number | None = None
    """In Unix seconds; None until the directory is complete."""
    ended_by: EndedBy | None = None
    versions: Mapping[str, str | None] | None = None
    machine: Mapping[str, Scalar] | None = None
    git: Git | None = None
    questions: QuestionCounts = QuestionCounts()
    connections: RunConnections = RunConnections()
    agents: tuple[str, ...] = ()
    """Their addresses."""
    client: ClientInfo | None = None
    coordinators: tuple[CoordinatorInfo, ...] = ()
    workers: tuple[WorkerInfo, ...] | None = None
    """None: the agents weren't started for the run, or their fleet died."""
    machine_load: LoadShares | None = None
    problems: tuple[str, ...] | None = None
    """What makes the figures doubtful, each ending in what to do."""

    def to_json(self) -> JsonObject:
        return asdict(self)


T = TypeVar("T")


@cache
def _reader_of(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401
    """Made when it is first used: a coordinator writes what is in here, and reads nothing of it."""
    return TypeAdapter(kind)


def info_of(written: JsonObject) -> RunInfo:
    """A run.json, as JSON has it. Raises ValueError that names the key, and what is wrong with it."""
    try:
        return part_of(RunInfo, written)
    except ValidationError as error:
        detail = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}") from error


def part_of(kind: type[T], written: JsonObject) -> T:
    """A part of it that a process of ours wrote as JSON."""
    part: T = _reader_of(cast(Any, kind)).validate_python(written)
    return part
