"""The type of a JSON object that was read or is about to be written. Its contents are up to a schema."""

from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
