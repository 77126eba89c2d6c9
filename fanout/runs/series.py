"""A series: runs that were made in turn, so that what disturbed one disturbed its neighbours too.

Each place of a series is one configuration, and the runs at a place are repeats of each other: A B C A B C is a series
of three places and two repeats.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field

from fanout.errors import UsageError
from fanout.json_object import JsonObject
from fanout.outcome import MOST

Ordinal = Annotated[int, Field(strict=True, ge=1, le=MOST)]
VARIABLE = "FANOUT_SERIES"
"""Tells a Locust process which place of a series its run has."""


@dataclass(frozen=True)
class Place:
    """One run's place."""

    series: str
    """The series' name, which is that of its directory."""
    place: Ordinal
    """Which configuration, counted from 1."""
    repeat: Ordinal
    """Which of its runs, counted from 1."""

    def to_json(self) -> JsonObject:
        return asdict(self)

    @classmethod
    def from_json(cls, data: JsonObject) -> Place:
        """Raises KeyError, TypeError or ValueError for something else."""
        return cls(str(data["series"]), int(data["place"]), int(data["repeat"]))

    def to_environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(self.to_json())}


def place_in_environment() -> Place | None:
    """The place of this process's run; None where it isn't part of a series. Raises UsageError for anything else."""
    if not (told := os.environ.get(VARIABLE)):
        return None
    try:
        return Place.from_json(json.loads(told))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{VARIABLE}: {told[:80]!r} is no place in a series; unset it") from error
