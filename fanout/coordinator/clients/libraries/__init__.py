"""The client libraries that coordinators can use. There is one file per library.

To add a library, add a file here with a `LIBRARY` that implements fanout.coordinator.clients.Library, and its package
to requirements-extras.txt. The library is named after its file, with dashes for underscores, and so is the package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fanout.coordinator.clients._interface import Library


def load(name: str) -> Library:
    """The library with this name, which imports its package. Raises KeyError if there is none."""
    library: Library = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").LIBRARY
    return library
