"""Clients that the user's own code makes: `client.factory: module:function`.

The function gets the addresses of the agents, and returns one client for all of them or a list with one for each.
Whatever it does to its clients (authentication, event hooks, retries, transports), questions go out through them.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from fanout.coordinator.clients import libraries
from fanout.coordinator.clients.libraries._family import HttpxClient, HttpxLike
from fanout.errors import UsageError
from fanout.scenario import client_libraries

Made = tuple[list[HttpxClient], str]
"""Clients, and their topology."""


def made_by(factory: str, addresses: Sequence[str], path: str, ca_file: Path | None) -> Made:
    """Calls the factory. While it runs, SSL_CERT_FILE names `ca_file`, which clients of httpx trust by default.

    Raises UsageError if it can't be called, fails, or returns anything else than clients.
    """
    function = _imported(factory)
    before = os.environ.get("SSL_CERT_FILE")
    if ca_file is not None:
        os.environ["SSL_CERT_FILE"] = str(ca_file)
    try:
        returned = function(list(addresses))
    except Exception as error:  # noqa: BLE001 (whatever the user's code raises)
        raise UsageError(f"client.factory: {factory} raised {_told(error)}") from None
    finally:
        if ca_file is not None:
            os.environ.pop("SSL_CERT_FILE")
            os.environ.update({} if before is None else {"SSL_CERT_FILE": before})
    if isinstance(returned, list | tuple):
        if len(returned) != len(addresses):
            raise UsageError(
                f"client.factory: {factory} returned {len(returned)} clients for {len(addresses)} agents; allowed: one "
                "for all, or a list with one for each"
            )
        each = [_adapted(factory, client, [address], path) for client, address in zip(returned, addresses, strict=True)]
        return each, "per_agent"
    return [_adapted(factory, returned, addresses, path)], "shared"


def _imported(factory: str) -> Any:  # noqa: ANN401
    name, _, attribute = factory.partition(":")
    if "" not in sys.path and os.getcwd() not in sys.path:  # noqa: PTH109 (an entry of sys.path is a text)
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    try:
        found: Any = importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 (a module may raise anything)
        raise UsageError(f"client.factory: {factory}: importing {name} raised {_told(error)}") from None
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise UsageError(f"client.factory: {factory}: {name} has no function {attribute}")
    return found


def _told(error: Exception) -> str:
    """An exception of the user's code, with where it was raised."""
    *_, frame = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"


def _adapted(factory: str, client: Any, addresses: Sequence[str], path: str) -> HttpxClient:  # noqa: ANN401
    library = _library_of(client)
    if library is None:
        raise UsageError(
            f"client.factory: {factory} returned {type(client).__name__}; allowed: an AsyncClient of "
            f"{', '.join(client_libraries.names())}, or a list of them"
        )
    return library.adapted(client, addresses, path)


def _library_of(client: Any) -> HttpxLike | None:  # noqa: ANN401
    """The library that a client is of. Only libraries that are imported already can have made it."""
    for name in sorted(client_libraries.names(), key=len, reverse=True):  # httpx-aiohttp's clients are httpx's, too
        module: ModuleType | None = sys.modules.get(name.replace("-", "_"))
        if module is None:
            continue
        library = libraries.load(name)
        if isinstance(library, HttpxLike) and library.has_made(client):
            return library
    return None
