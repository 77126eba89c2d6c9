"""How one question ended: a row of questions.csv, a line of a coordinator's output, a Locust event.

Each field of Outcome is the only declaration of its column: types, bounds, readers and documentation derive from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, TypeAlias, cast, get_args, get_type_hints

from fanout.json_object import JsonObject
from fanout.phases import PHASES, Phase, column_of
from fanout.text import data_text

Status = Literal["ok", "failed", "abandoned"]
STATUSES: tuple[str, ...] = get_args(Status)
_UNKNOWN_PHASES = dict.fromkeys(map(column_of, PHASES))
MOST = 10**12
"""The largest number accepted, in its unit. It keeps sums exact and quotients finite; no measurement is that large."""
MOST_COUNT = 2**31 - 1
"""The largest number without a unit, so that a column of them needs four bytes a question."""

Kind = type[str] | type[int] | type[float] | type[bool]
Value: TypeAlias = str | int | float | bool | None
Presence = Literal["every file", "every row", "some rows"]
"""Where a column has a value. A file may lack a column, whose values are then unknown; "every file" excludes that."""


@dataclass(frozen=True)
class Column:
    """One column of questions.csv."""

    name: str
    kind: Kind
    values: str
    """The kind of value or its unit, in a word or two."""
    about: str
    presence: Presence
    min_value: float
    """The smallest number allowed."""
    allowed: tuple[str, ...] = ()
    """The texts allowed; empty means any."""

    @property
    def is_needed(self) -> bool:
        return self.presence != "some rows"

    @property
    def max_value(self) -> int:
        """The largest number allowed."""
        return MOST_COUNT if self.kind is int and self.values == "number" else MOST

    def read(self, text: str) -> Value:
        """A cell's value. Raises ValueError with what is wrong with it."""
        return self.check(self._parsed(text) if text else None)

    def _parsed(self, text: str) -> Value:
        if self.kind is bool and text in ("true", "false"):
            return text == "true"
        try:
            return text if self.kind is bool else self.kind(text)
        except ValueError:
            return text

    def check(self, value: object) -> Value:
        """The value, if the column can have it. Raises ValueError with what is wrong with it."""
        if value is None:
            if self.is_needed:
                raise ValueError(f"{self.name} is empty")
            return None
        is_whole = self.kind is float and type(value) is int
        if (type(value) is not self.kind and not is_whole) or (self.allowed and value not in self.allowed):
            raise ValueError(f"{self.name} is {value!r}; allowed: {', '.join(self.allowed) or self.values}")
        if isinstance(value, int | float) and not self.min_value <= value <= self.max_value:
            raise ValueError(f"{self.name} is out of bounds: {value}")
        return cast(Value, value)


def _column(
    values: str,
    about: str,
    *,
    presence: Presence = "some rows",
    min_value: float = -MOST,
    allowed: tuple[str, ...] = (),
) -> Any:  # noqa: ANN401
    """A field and its column. Only a column that has a value in every file has no default."""
    facts = {"values": values, "about": about, "presence": presence, "min_value": min_value, "allowed": allowed}
    return field(default=MISSING if presence == "every file" else None, metadata=facts)


@dataclass(frozen=True)
class Outcome:
    """How one question ended. None means unknown."""

    question_id: str = _column("text", "from the file of questions, or a number from 1", presence="every file")
    round: int = _column("number", "from 1; 0 for a question asked outside a round", presence="every file", min_value=0)
    coordinator: int = _column("number", "from 1", presence="every file", min_value=1)
    agent: int = _column("number", "from 1, in the order of run.json's `agents`", presence="every file", min_value=1)
    status: Status = _column(
        "`ok`, `failed` or `abandoned`",
        "`abandoned`: the run ended while the question was in flight",
        presence="every file",
        allowed=STATUSES,
    )
    error_kind: str | None = _column("a word", "the kind of failure, such as `read_timeout`; empty for an ok question")
    error: str | None = _column("text", "the failure as a sentence")
    error_cause: str | None = _column("a word", "what was behind it, such as `refused`, where the error tells it")
    http_status: int | None = _column("number", "the status of the agent's response; empty without one", min_value=100)
    started: float | None = _column(
        "Unix seconds", "the time just before the question was encoded; with `arrivals`, its intended start"
    )
    round_trip_ms: float | None = _column("ms", "from `started` until the answer was decoded")
    service_ms: float | None = _column("ms", "the service time that the agent reports in `Server-Timing: service;dur=`")
    adapter_ms: float | None = _column("ms", "the round trip minus the service time")
    phases_ms: Mapping[Phase, float] | None = None
    """The duration of each phase that is known; each phase has a column of its own."""
    reused: bool | None = _column("`true` or `false`", "whether the question's connection existed before")
    connection: str | None = _column("text", "unique within the run: coordinator, dash, number of the connection")
    in_flight: int | None = _column(
        "number",
        "questions in flight at this coordinator when this one started, including it",
        presence="every row",
        min_value=0,
    )
    attempts: int | None = _column(
        "number", "how often the question was asked (`dispatch.retry`); the row describes the last attempt", min_value=1
    )
    request_bytes: int | None = _column("bytes", "the size of the request's body", min_value=0)
    response_bytes: int | None = _column(
        "bytes", "the size of the response's body, decompressed; empty if it was not read to its end", min_value=0
    )

    locust_worker: int | None = _column(
        "number", "the Locust worker that ran the coordinator, from 1; empty if the run had no workers", min_value=1
    )

    @property
    def is_failure_of_agent(self) -> bool:
        """Whether the agent itself is known to be at fault: never for a timeout, a lookup, the pool or a proxy."""
        if self.status != "failed":
            return False
        if self.error_kind == "connect_failed":
            return self.error_cause in ("refused", "reset", "broken_pipe", "closed")
        if self.error_kind == "connection_lost":
            return self.error_cause != "closed_by_client"
        return self.error_kind in ("http_status", "bad_response", "too_large") and self.error_cause != "redirect"

    @property
    def is_failure_of_client(self) -> bool:
        """Whether the question failed before its agent could have had a part in it, or by the client's own doing."""
        if self.error_kind == "deadline":
            return self.reused is None  # it never got a connection
        is_ours = self.error_kind in ("pool_timeout", "not_started")
        return is_ours or self.error_cause in ("closed_by_client", "too_many_files")

    def to_json(self) -> JsonObject:
        """The value of each column."""
        values = {**vars(self), **_UNKNOWN_PHASES}
        for phase, spent_ms in (values.pop("phases_ms") or {}).items():
            values[column_of(phase)] = spent_ms
        return values

    @classmethod
    def from_json(cls, values: JsonObject) -> Outcome:
        """The inverse of to_json(). Missing columns are unknown."""
        phases = {phase: values[column_of(phase)] for phase in PHASES if values.get(column_of(phase)) is not None}
        plain = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        return cls(**plain, phases_ms=phases or None)

    @classmethod
    def read(cls, values: JsonObject) -> Outcome:
        """from_json() for values that another process sent. Raises ValueError with what is wrong with them."""
        return cls.from_json({column.name: column.check(values.get(column.name)) for column in COLUMNS})

    def to_row(self) -> list[str]:
        """The cells of the question's row, in the order of COLUMNS."""
        values = self.to_json()
        return [_text(values[column.name]) for column in COLUMNS]


def _declared() -> dict[str, Column]:
    """Every column by its name, in the order of the file. The phases' columns replace `phases_ms`."""
    hints = get_type_hints(Outcome)
    found = []
    for each in fields(Outcome):
        if each.name == "phases_ms":
            found += [
                Column(column_of(phase), float, "ms", f"the phase `{phase}`", "some rows", -MOST) for phase in PHASES
            ]
        else:
            found.append(Column(each.name, _kind_of(hints[each.name]), **each.metadata))
    return {column.name: column for column in found}


def _kind_of(hint: Any) -> Kind:  # noqa: ANN401
    named: tuple[Kind, ...] = (bool, int, float)
    return next((kind for kind in named if hint is kind or kind in get_args(hint)), str)


BY_NAME = _declared()
COLUMNS: tuple[Column, ...] = tuple(BY_NAME.values())
"""The columns of questions.csv, in order."""


def _text(value: object) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else data_text(value)
