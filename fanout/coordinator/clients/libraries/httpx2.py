"""httpx2, the fork of httpx that Pydantic maintains, with httpcore2 below it."""

from __future__ import annotations

import httpx2

from fanout.coordinator.clients.libraries._family import HttpxLike

LIBRARY = HttpxLike("httpx2", httpx2)
