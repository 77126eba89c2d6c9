"""The names of the client libraries, without importing any of them."""

from __future__ import annotations

import pkgutil
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "coordinator" / "clients" / "libraries"
DEFAULT = "httpx"


@cache
def names() -> tuple[str, ...]:
    """Those of the files, with dashes for underscores, like the names of their packages."""
    found = (module.name for module in pkgutil.iter_modules([str(_FOLDER)]))
    return tuple(sorted(name.replace("_", "-") for name in found if not name.startswith("_")))
