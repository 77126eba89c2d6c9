"""Open loads: questions that arrive by a schedule, whether or not earlier ones have ended."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fanout.scenario._part import Part

MAX_RATE = 10_000
"""The largest rate: more than one process can ask."""


class Arrivals(Part):
    """When questions start. Without it, each agent's next question starts when its last one has ended."""

    rate: float = Field(
        gt=0, le=MAX_RATE, description=f"questions a second from each coordinator, more than 0, up to {MAX_RATE}"
    )
    pattern: Literal["constant", "poisson"] = Field(
        "constant", description="constant (equal gaps) or poisson (exponentially distributed gaps, drawn by the seed)"
    )
