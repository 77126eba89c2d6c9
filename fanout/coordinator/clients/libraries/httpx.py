"""The client library httpx, with httpcore below it."""

from __future__ import annotations

import httpx

from fanout.coordinator.clients.libraries._family import HttpxLike

LIBRARY = HttpxLike("httpx", httpx)
