"""Series of interleaved runs, so that a disturbance affects neighbouring runs alike.

Each place in a series is one configuration, and the runs at one place are repeats: A B C A B C is a series with three
places and two repeats.
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
"""Tells a Locust process the place of its run in a series."""


@dataclass(frozen=True)
class Place:
    """The place of one run in a series."""

    series: str
    """The name of the series, which is also that of its directory."""
    place: Ordinal
    """The number of the configuration, counted from 1."""
    repeat: Ordinal
    """The number of the repeat, counted from 1."""

    def to_json(self) -> JsonObject:
        return asdict(self)

    @classmethod
    def from_json(cls, data: JsonObject) -> Place:
        """Raises KeyError, TypeError or ValueError if `data` is not a place."""
        return cls(str(data["series"]), int(data["place"]), int(data["repeat"]))

    def to_environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(self.to_json())}


def place_in_environment() -> Place | None:
    """The place of this process's run; None if it isn't part of a series. Raises UsageError for an invalid value."""
    if not (text := os.environ.get(VARIABLE)):
        return None
    try:
        return Place.from_json(json.loads(text))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{VARIABLE}: {text[:80]!r} is not a place in a series; unset the variable") from error
