"""The schema of run.json: every key with its type and bounds. Writers create a RunInfo, and readers return one.

A missing key is None or empty, which means unknown. Only the keys that identify a coordinator, an agent, an address or
a death are required. Other keys are ignored. SCHEMA grows when a meaning changes, not when a key is added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import Field, TypeAdapter, ValidationError

from fanout.json_object import JsonObject
from fanout.outcome import MOST
from fanout.phases import Phase
from fanout.runs.series import Ordinal, Place
from fanout.scenario import ClientSettings, Limits, Timeouts

SCHEMA = 1
CLOCKS_MS = 50
"""The offset of a clock that matters where times are compared."""

Count = Annotated[int, Field(strict=True, ge=0, le=MOST)]
Number = Annotated[float, Field(strict=True, ge=0, le=MOST)]
Flag = Annotated[bool, Field(strict=True)]
Scalar = str | int | float | bool | None
EndedBy = Literal["rounds_done", "stopped", "interrupted", "not_started"]


@dataclass(frozen=True, kw_only=True)
class ConnectionCounts:
    """The clients' counters for one agent or for all. Each field is the only declaration of its counter.

    Counters of several coordinators or agents are summed, except for `max_…`, where the largest counts.
    """

    opened: Count | None = None
    not_opened: Count | None = None
    """Failed attempts to open a connection. The agent may have accepted it nevertheless."""
    reused: Count | None = None
    """Questions sent on a connection that existed before."""
    closed_by_us: Count | None = None
    closed_by_peer: Count | None = None
    """Connections that the peer closed, or announced to close."""
    closes_announced: Count | None = None
    """Those of `closed_by_peer` that the peer had announced to close."""
    closed_by_http_1_0: Count | None = None
    """Those of `closes_announced` that were announced by the version of the response, HTTP/1.0, not by a header."""
    open: Count | None = None
    """Connections that are still open."""
    elsewhere: Count | None = None
    """Connections to another port than the agent's, which is a proxy's."""
    max_in_flight: Count | None = None
    """The most concurrent questions at one coordinator."""
    max_in_pool: Count | None = None
    """The most concurrent connections at one coordinator, including those being opened."""


COUNTERS: tuple[str, ...] = tuple(each.name for each in fields(ConnectionCounts))


def together(parts: Sequence[ConnectionCounts]) -> dict[str, int | None]:
    """The counters of several parts together; None for a counter that is unknown in any part."""
    return {name: _whole(name, [getattr(part, name) for part in parts]) for name in COUNTERS}


def _whole(counter: str, counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    if not known or len(known) < len(counts):
        return None
    return max(known) if counter.startswith("max_") else sum(known)


@dataclass(frozen=True, kw_only=True)
class RunConnections(ConnectionCounts):
    """The counters of a whole run, and those of the agents themselves."""

    accepted: Count | None = None
    """Connections that the agents accepted."""
    served: Count | None = None
    """Requests that the agents served."""


@dataclass(frozen=True, kw_only=True)
class AgentConnections(ConnectionCounts):
    """The counters of one coordinator for one agent."""

    agent: Ordinal


@dataclass(frozen=True)
class MeanAndMax:
    mean: Number | None = None
    max: Number | None = None


@dataclass(frozen=True)
class LookupTimes:
    """Successful name lookups: their number, their wait for a thread, and their duration after that, in ms."""

    count: Count | None = None
    queued_ms: MeanAndMax | None = None
    took_ms: MeanAndMax | None = None


@dataclass(frozen=True)
class FailedLookups:
    """Numbers of name lookups without a result."""

    temporary: Count | None = None
    """The resolver had no answer for now (EAI_AGAIN)."""
    unknown_name: Count | None = None
    """There is no such name, or it has no address (EAI_NONAME, EAI_NODATA)."""
    other: Count | None = None
    cancelled: Count | None = None
    """The question ended first, for example by its connect timeout."""


@dataclass(frozen=True)
class SilentAddress:
    """An address of a name to which connections could not be opened, while another address of the name answered."""

    address: str
    """The IP address."""
    failed: Count | None = None
    """Attempts that failed, for example because they were refused."""
    cancelled: Count | None = None
    """Attempts that were given up when another address answered."""
    lost_ms: MeanAndMax | None = None
    """How much later the address that answered was tried, in ms. Clients wait before they try the next address."""


@dataclass(frozen=True)
class ExecutorUse:
    """The use of asyncio's default executor."""

    threads: Count | None = None
    blocking_calls: Count | None = None
    max_busy_threads: Count | None = None


@dataclass(frozen=True)
class Lag:
    """How late an event loop ran its timers, in ms."""

    p50: Number | None = None
    p99: Number | None = None
    max: Number | None = None


@dataclass(frozen=True)
class LoopHealth:
    """The load on a coordinator's process while it worked."""

    cpu_s: Number | None = None
    wall_s: Number | None = None
    cpu_share: Number | None = None
    """The share of one CPU."""
    lag_ms: Lag | None = None
    throttled_s: Number | None = None
    """How long a CPU quota, such as a container's, kept it from running; None if none did, or it is unknown."""
    waited_for_cpu_s: Number | None = None
    """How long its thread was ready to run, but other work had the CPU."""


@dataclass(frozen=True)
class ArrivalCounts:
    """The questions of a coordinator whose scenario has `arrivals`."""

    due: Count | None = None
    """Those whose intended start had come when the run ended."""
    not_started: Count | None = None
    """Those of them that had not started by then."""


@dataclass(frozen=True)
class CoordinatorInfo:
    """One coordinator. If it ended without reporting its counters, little more than its number is known."""

    coordinator: Ordinal
    locust_worker: Ordinal | None = None
    """The Locust worker that ran it; None if the run had no workers."""
    pid: Count | None = None
    rounds: Count | None = None
    asked: Count | None = None
    """Questions asked."""
    moved: Count | None = None
    """Questions that other agents took because an agent failed: what agents held back lack of an equal share."""
    retried: Mapping[str, Count] | None = None
    """Failed attempts that were followed by another one (`dispatch.retry`), by their kind of error."""
    arrivals: ArrivalCounts | None = None
    """None if its questions have no intended start."""
    connections: ConnectionCounts | None = None
    agents: tuple[AgentConnections, ...] = ()
    """The counters for each agent, in order."""
    lookups: LookupTimes | None = None
    failed_lookups: FailedLookups | None = None
    silent_addresses: tuple[SilentAddress, ...] | None = None
    executor: ExecutorUse | None = None
    loop_health: LoopHealth | None = None
    memory_mib: Number | None = None
    """The most memory that its process had resident."""


@dataclass(frozen=True)
class EffectiveLimits:
    """The limits of the actual connection pool; None means unlimited."""

    max_connections: Count | None = None
    max_keepalive_connections: Count | None = None
    keepalive_expiry_s: Number | None = None


@dataclass(frozen=True)
class ClientInfo:
    """The actual properties of a coordinator's clients."""

    library: str | None = None
    unknown_phases: tuple[Phase, ...] | None = None
    """The phases whose ends the library doesn't report. Waiting includes them."""
    topology: str | None = None
    clients: Ordinal | None = None
    made_in_ms: Number | None = None
    """How long it took to create all clients."""
    limits: EffectiveLimits | None = None
    timeout_s: Mapping[str, Number | None] | None = None
    """The timeouts by name; a value of None means no timeout."""
    trust_env: Flag | None = None
    proxies: tuple[str, ...] | None = None
    """The URL schemes for which the environment names a proxy; empty unless `trust_env`."""
    ignored_no_proxy: tuple[str, ...] | None = None
    """The entries of NO_PROXY that the client library accepts, but that match nothing; empty unless `trust_env`."""

    def in_effect(self, settings: ClientSettings) -> ClientSettings:
        """A scenario's settings with what the library, or the user's own factory, has made of them."""
        changed: dict[str, Any] = {}
        if self.limits is not None:
            changed["limits"] = Limits.model_construct(**asdict(self.limits))
        if self.timeout_s is not None and set(self.timeout_s) == set(Timeouts.model_fields):
            changed["timeout_s"] = Timeouts.model_construct(None, **self.timeout_s)
        if settings.factory is not None:
            made = {"topology": self.topology, "library": self.library}
            changed |= {name: value for name, value in made.items() if value is not None}
        return settings.model_copy(update=changed)


@dataclass(frozen=True)
class Death:
    """An unexpected end of an agent's process."""

    at: Number
    """Unix seconds."""
    how: str
    """`exit status 70`, `SIGKILL`, or why the agent could not be restarted."""
    restarted: Flag
    """Whether the agent was restarted."""


@dataclass(frozen=True)
class WorkerInfo:
    """An agent that was started for the run."""

    agent: Ordinal
    pid: Count | None = None
    """None if its process has ended."""
    accepted: Count | None = None
    """Connections accepted."""
    served: Count | None = None
    """Requests served."""
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
    """Shares of the time of all CPUs."""

    busy: Number | None = None
    steal: Number | None = None
    """The share that this virtual machine wanted but others on the same hardware got."""


@dataclass(frozen=True)
class ClockOffset:
    """How far a worker's clock is ahead of the master's, in ms, and by how much that may be wrong."""

    ahead_ms: Annotated[float, Field(strict=True, ge=-MOST, le=MOST)]
    error_ms: Number

    @property
    def is_off(self) -> bool:
        """Whether questions of different workers would seem to be in another order."""
        return abs(self.ahead_ms) - self.error_ms > CLOCKS_MS


@dataclass(frozen=True)
class LocustWorkerInfo:
    """A Locust worker of a distributed run."""

    locust_worker: Ordinal
    host: str | None = None
    """The name of its machine."""
    pid: Count | None = None
    machine: Mapping[str, Scalar] | None = None
    is_remote: Flag | None = None
    """Whether it was on another machine than the master, or in another container."""
    machine_load: LoadShares | None = None
    clock: ClockOffset | None = None
    questions: Count | None = None
    """The questions whose rows reached the master."""
    unaccounted: Count | None = None
    """The questions of a lost worker whose rows are missing; None if the worker was not lost."""
    left_early: Flag | None = None
    """Whether it was ended before the run was."""

    @property
    def is_gone(self) -> bool:
        """Whether it was not there at the end of the run."""
        return self.unaccounted is not None or bool(self.left_early)

    def __str__(self) -> str:
        return f"Locust worker {self.locust_worker} ({self.host}, process {self.pid})"


@dataclass(frozen=True)
class FormInfo:
    """What a run in the web UI was asked for, besides the scenario file."""

    users: Count | None = None
    """Locust users, and so coordinators."""
    spawn_rate: Number | None = None
    """Users started a second."""
    is_one_round: Flag | None = None
    """Whether each user did one round."""
    run_time_s: Number | None = None
    """The time limit."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The keys that were set, with their values as YAML."""


@dataclass(frozen=True)
class Git:
    revision: str | None = None
    dirty: Flag | None = None
    """Whether files differed from the revision."""


@dataclass(frozen=True)
class RunInfo:
    """The whole run.json."""

    schema: int
    scenario: str | None = None
    """The scenario's name."""
    seed: Annotated[int, Field(strict=True, ge=0)] | None = None
    series: Place | None = None
    """The run's place in a series of interleaved runs; None if it isn't part of one."""
    form: FormInfo | None = None
    """None if the run had no web UI."""
    started: Number | None = None
    """Unix seconds."""
    ended: Number | None = None
    """Unix seconds; None until the directory is complete."""
    ended_by: EndedBy | None = None
    versions: Mapping[str, str | None] | None = None
    machine: Mapping[str, Scalar] | None = None
    git: Git | None = None
    questions: QuestionCounts = QuestionCounts()
    connections: RunConnections = RunConnections()
    agents: tuple[str, ...] = ()
    """The agents' addresses."""
    client: ClientInfo | None = None
    coordinators: tuple[CoordinatorInfo, ...] = ()
    workers: tuple[WorkerInfo, ...] | None = None
    """None if the agents weren't started for the run, or their fleet died."""
    machine_load: LoadShares | None = None
    """The load of the machine that the run was started on."""
    locust_workers: tuple[LocustWorkerInfo, ...] | None = None
    """None if the run was made by one Locust process."""
    problems: tuple[str, ...] | None = None
    """Reasons to doubt the figures. Each ends with what to do."""

    def to_json(self) -> JsonObject:
        return asdict(self)


T = TypeVar("T")


@cache
def _reader_of(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401
    """The reader of a type, built on first use: a coordinator only writes these types, and never reads them."""
    return TypeAdapter(kind)


def info_of(written: JsonObject) -> RunInfo:
    """Parses the JSON of a run.json. Raises ValueError with the key and what is wrong with it."""
    try:
        return part_of(RunInfo, written)
    except ValidationError as error:
        detail = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}") from error


def part_of(kind: type[T], written: JsonObject) -> T:
    """Parses the JSON of a part of run.json, as one of our processes wrote it."""
    part: T = _reader_of(cast(Any, kind)).validate_python(written)
    return part
