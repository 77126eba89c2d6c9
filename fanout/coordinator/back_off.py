"""How long an agent that fails is left alone: exponential back-off with jitter."""

from __future__ import annotations

import random

FIRST_S = 0.1
FACTOR = 2.0
MOST_S = 10.0
"""The longest wait, up to which each failure in a row multiplies the wait by FACTOR."""
LEAST_SHARE = 0.5
"""Jitter shortens each wait to between this share and the whole, so that agents don't return at the same moment."""
DROP_AFTER = 3
"""The failures in a row after which an agent gets no more questions, where the scenario says `drop`."""


class BackOff:
    """The failures in a row of one agent, and the wait that follows. An answer ends both."""

    def __init__(self, seed: int, agent: int) -> None:
        """The same seed and agent give the same waits."""
        self.failures = 0
        self.wait_s = 0.0
        """The seconds to wait before the next question; 0 after an answer."""
        self._dice = random.Random(f"{seed}:{agent}")  # noqa: S311 (nothing secret)

    def ended(self, *, failed: bool) -> None:
        """Counts how a question to the agent ended."""
        self.failures = self.failures + 1 if failed else 0
        longest_s = min(MOST_S, FIRST_S * FACTOR ** min(self.failures - 1, 60)) if failed else 0.0
        self.wait_s = longest_s * self._dice.uniform(LEAST_SHARE, 1.0)
