"""What a master and its workers say to each other: each kind of line is declared once, as a frozen dataclass.

A worker's outcomes are lines, too; see fanout.outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError

from fanout.coordinator.snapshot import Snapshot
from fanout.json_object import JsonObject
from fanout.outcome import Outcome
from fanout.runs.schema import ClientInfo, CoordinatorInfo, Count, Flag, LoadShares, Number, Scalar, part_of
from fanout.runs.series import Ordinal

# From a worker


@dataclass(frozen=True, kw_only=True)
class Hello:
    """The first line of a worker."""

    fanout: str
    """Its version of fanout."""
    host: str
    pid: Ordinal
    machine: Mapping[str, Scalar]
    network: str
    """Equal on two processes only if one's loopback addresses are the other's."""
    family: str | None = None
    """The master that forked it (--processes), if any."""


@dataclass(frozen=True)
class Begun:
    """The lines from here on are about this run."""

    run: Ordinal


@dataclass(frozen=True)
class ClockRead:
    """The answer to ReadClock."""

    sent: Number
    at: Number
    """The time of the worker's clock, in Unix seconds."""


@dataclass(frozen=True)
class WantsNumber:
    """A coordinator is about to be started, and needs its number."""


@dataclass(frozen=True)
class Progress:
    users: Count
    """The users that the worker has had in this run."""
    done: Count
    """Those that have done their round or have ended."""
    planned: Count
    """The questions to ask so far."""


@dataclass(frozen=True)
class Failed:
    """Why the run can't continue."""

    why: str


@dataclass(frozen=True)
class Counters:
    """The counters of a coordinator so far."""

    info: CoordinatorInfo


@dataclass(frozen=True)
class CoordinatorEnded:
    info: CoordinatorInfo


@dataclass(frozen=True)
class Ended:
    """The worker's part of the run is complete: its last line about it."""

    client: ClientInfo | None = None
    machine_load: LoadShares | None = None
    is_early: Flag = False
    """Whether it ended before the master asked for it."""
    has_errors: Flag = False
    """Whether something in the locustfile failed that Locust doesn't report to the master."""


# From the master


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to work on."""

    run: Ordinal
    scenario: str
    """The resolved scenario, as YAML."""
    questions: str | None
    """The content of its file of questions, if it names one."""
    addresses: tuple[str, ...]
    ca_pem: str | None
    is_one_round: Flag
    """Whether each user does one round."""
    is_watched: Flag
    """Whether the coordinators report what they are doing while they work."""


@dataclass(frozen=True)
class ReadClock:
    sent: Number
    """The time of the master's clock, in Unix seconds."""


@dataclass(frozen=True)
class NumberGiven:
    number: Ordinal


@dataclass(frozen=True)
class Stop:
    drain_s: Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class Refused:
    why: str


FromWorker = (
    Hello
    | Begun
    | ClockRead
    | WantsNumber
    | Progress
    | Snapshot
    | Counters
    | Failed
    | CoordinatorEnded
    | Ended
    | Outcome
)
FromMaster = Order | ReadClock | NumberGiven | Stop | Refused
_OF_WORKER: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (Hello, Begun, ClockRead, WantsNumber, Progress, Snapshot, Counters, Failed, CoordinatorEnded, Ended)
}
_OF_MASTER: dict[str, type[Any]] = {kind.__name__: kind for kind in (Order, ReadClock, NumberGiven, Stop, Refused)}


def to_line(said: FromWorker | FromMaster) -> JsonObject:
    if isinstance(said, Outcome):
        return said.to_json()
    return {"is": type(said).__name__, **asdict(said)}


def from_worker(line: JsonObject) -> FromWorker:
    """Raises ValueError for a line that no worker of this version writes."""
    said: FromWorker = _read(line, _OF_WORKER) if "is" in line else Outcome.read(line)
    return said


def from_master(line: JsonObject) -> FromMaster:
    """Raises ValueError for a line that no master of this version writes."""
    said: FromMaster = _read(line, _OF_MASTER)
    return said


def _read(line: JsonObject, kinds: Mapping[str, type[Any]]) -> Any:  # noqa: ANN401
    kind = kinds.get(str(line.get("is")))
    if kind is None:
        raise ValueError("a line of an unknown kind")
    try:
        return part_of(kind, line)
    except ValidationError as error:
        detail = error.errors()[0]
        raise ValueError(f"{kind.__name__}: {'.'.join(map(str, detail['loc']))}: {detail['msg']}") from error
