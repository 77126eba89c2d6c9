"""httpxyz, a fork of httpx, with httpcorexyz below it."""

from __future__ import annotations

import httpx  # noqa: F401 (httpxyz would make `import httpx` mean itself, in code of the user's as well)
import httpxyz

from fanout.coordinator.clients.libraries._family import HttpxLike

LIBRARY = HttpxLike("httpxyz", httpxyz)
