"""A JSON object, as it was read or is about to be written; what is in it is for a schema to say."""

from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
