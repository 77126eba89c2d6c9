"""The distributions of agents' service times."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Union

from pydantic import Field

from fanout.scenario._part import Part

# Each has `expected_s`, the mean, and `high_s`, which 95 % of the service times don't exceed.
_SCALE = "a factor for every service time, 0 or more"


class Constant(Part):
    distribution: Literal["constant"] = "constant"
    value_s: float = Field(ge=0, description="seconds, 0 or more")
    scale: float = Field(1.0, ge=0, description=_SCALE)

    @property
    def expected_s(self) -> float:
        return self.value_s * self.scale

    @property
    def high_s(self) -> float:
        return self.expected_s


class LogNormal(Part):
    distribution: Literal["lognormal"] = "lognormal"
    median_s: float = Field(gt=0, description="seconds, more than 0")
    sigma: float = Field(ge=0, le=5, description="the standard deviation of the logarithm, 0 to 5")
    scale: float = Field(1.0, ge=0, description=_SCALE)

    @property
    def expected_s(self) -> float:
        return self.median_s * math.exp(self.sigma**2 / 2) * self.scale

    @property
    def high_s(self) -> float:
        return self.median_s * math.exp(1.645 * self.sigma) * self.scale


class Exponential(Part):
    distribution: Literal["exponential"] = "exponential"
    mean_s: float = Field(gt=0, description="seconds, more than 0")
    scale: float = Field(1.0, ge=0, description=_SCALE)

    @property
    def expected_s(self) -> float:
        return self.mean_s * self.scale

    @property
    def high_s(self) -> float:
        return self.mean_s * math.log(20) * self.scale


ServiceTime = Annotated[Union[Constant, LogNormal, Exponential], Field(discriminator="distribution")]  # noqa: UP007
