"""How the number of Locust users changes over time. To add a shape, add a class to Shape."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Union

from pydantic import Field, Strict

from fanout.scenario._part import Part

MAX_USERS = 1000

Users = Annotated[int, Field(ge=1, le=MAX_USERS)]
_COUNT = f"a number of Locust users, 1 to {MAX_USERS}"
_MOMENT = "seconds, more than 0, up to 86400"


class Ramp(Part):
    """The number of users rises evenly, and then stays."""

    kind: Literal["ramp"] = "ramp"
    users: Users = Field(description=_COUNT)
    over_s: float = Field(gt=0, le=86400, description=_MOMENT)
    hold_s: float = Field(0.0, ge=0, le=86400, description="seconds, 0 to 86400")

    @property
    def most_users(self) -> int:
        return self.users

    @property
    def duration_s(self) -> float:
        return self.over_s + self.hold_s

    def users_at(self, elapsed_s: float) -> int | None:
        if elapsed_s >= self.duration_s:
            return None
        return min(self.users, 1 + math.floor(self.users * elapsed_s / self.over_s))


class Steps(Part):
    """The number of users changes in steps of equal length."""

    kind: Literal["steps"] = "steps"
    users: Annotated[tuple[Users, ...], Strict(False), Field(min_length=1, max_length=100)] = Field(
        description=f"a list of 1 to 100 numbers of Locust users, each 1 to {MAX_USERS}"
    )
    each_s: float = Field(gt=0, le=86400, description=_MOMENT)

    @property
    def most_users(self) -> int:
        return max(self.users)

    @property
    def duration_s(self) -> float:
        return len(self.users) * self.each_s

    def users_at(self, elapsed_s: float) -> int | None:
        step = min(len(self.users) - 1, math.floor(elapsed_s / self.each_s))
        return self.users[step] if elapsed_s < self.duration_s else None


class Spike(Part):
    """The number of users jumps to a peak, and falls back."""

    kind: Literal["spike"] = "spike"
    users: Users = Field(description=_COUNT)
    peak_users: Users = Field(description=_COUNT)
    before_s: float = Field(gt=0, le=86400, description=_MOMENT)
    peak_s: float = Field(gt=0, le=86400, description=_MOMENT)
    after_s: float = Field(gt=0, le=86400, description=_MOMENT)

    @property
    def most_users(self) -> int:
        return max(self.users, self.peak_users)

    @property
    def duration_s(self) -> float:
        return self.before_s + self.peak_s + self.after_s

    def users_at(self, elapsed_s: float) -> int | None:
        if elapsed_s >= self.duration_s:
            return None
        return self.peak_users if self.before_s <= elapsed_s < self.before_s + self.peak_s else self.users


Shape = Annotated[Union[Ramp, Steps, Spike], Field(discriminator="kind")]  # noqa: UP007
"""Each has `users_at(elapsed_s)`, the number of users at a time, which is None when the run is over."""
