"""How one question ended: a row of questions.csv, a line of a coordinator's output, a Locust event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

Status = Literal["ok", "failed", "abandoned"]
STATUSES: tuple[str, ...] = get_args(Status)


@dataclass(frozen=True)
class Outcome:
    """One question's end. Times in ms, `started` in Unix seconds; None is: not known."""

    question_id: str
    round: int
    """Counted from 1; 0 for a question that was asked outside a round."""
    coordinator: int
    """Counted from 1."""
    agent: int
    """Counted from 1, in the order of run.json's agents."""
    status: Status
    error_kind: str | None = None
    """One word for the failure, a key of fanout.coordinator.failures; None for an ok question."""
    error: str | None = None
    started: float | None = None
    round_trip_ms: float | None = None
    service_ms: float | None = None
    adapter_ms: float | None = None
    encode_ms: float | None = None
    blocked_ms: float | None = None
    resolving_ms: float | None = None
    connecting_ms: float | None = None
    tls_handshaking_ms: float | None = None
    sending_ms: float | None = None
    waiting_ms: float | None = None
    receiving_ms: float | None = None
    decode_ms: float | None = None
    reused: bool | None = None
    """Whether the question went out on a connection that existed before."""
    connection: str | None = None
    """Unique within the run: coordinator, dash, number of the connection."""
    in_flight: int | None = None
    """Questions in flight at this coordinator when this one started, itself included."""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in COLUMNS}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Outcome:
        return cls(**{name: data[name] for name in COLUMNS})

    def to_row(self) -> list[str]:
        """The fields as questions.csv has them, in the order of COLUMNS."""
        return [_text(getattr(self, name)) for name in COLUMNS]

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Outcome:
        """Reads a row of questions.csv. Raises KeyError or ValueError for one that isn't."""
        return cls(**{name: _READERS[name](row[name]) for name in COLUMNS})


COLUMNS = tuple(field.name for field in fields(Outcome))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value)


def _status(text: str) -> str:
    if text not in STATUSES:
        raise ValueError(f"status {text!r}")
    return text


def _reused(text: str) -> bool | None:
    return {"true": True, "false": False, "": None}[text]


def _optional_text(text: str) -> str | None:
    return text or None


def _optional_float(text: str) -> float | None:
    return float(text) if text else None


def _optional_int(text: str) -> int | None:
    return int(text) if text else None


_READERS: dict[str, Any] = {
    **dict.fromkeys(COLUMNS, _optional_float),
    "question_id": str,
    "round": int,
    "coordinator": int,
    "agent": int,
    "status": _status,
    "error_kind": _optional_text,
    "error": _optional_text,
    "reused": _reused,
    "connection": _optional_text,
    "in_flight": _optional_int,
}
