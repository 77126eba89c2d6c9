"""The base class of all mappings in a scenario file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A mapping in a scenario file. It allows no unknown keys and no type conversions, and it is immutable."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)
