"""Figures over time in bounded memory: one bucket for each interval, merged in pairs when there are too many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, Self, TypeVar


class Mergeable(Protocol):
    def merge(self, later: Self) -> None:
        """Takes in the bucket of the interval that follows."""


B = TypeVar("B", bound=Mergeable)


class Buckets(Generic[B]):
    """Buckets from the beginning of a run until now, without gaps."""

    def __init__(self, new: Callable[[], B], most: int, width_s: float) -> None:
        """`most`, an even number, is how many there may be. Their width begins with `width_s`, and doubles."""
        self.width_s = width_s
        self.merges = 0
        """How often the width has doubled."""
        self.all: list[B] = []
        self._new = new
        self._most = most

    def at(self, elapsed_s: float) -> B:
        """The bucket for a time since the beginning, which never goes back."""
        while elapsed_s >= self.width_s * self._most:
            self._halve()
        while len(self.all) <= int(elapsed_s / self.width_s):
            self.all.append(self._new())
        return self.all[-1]

    def over(self, began_s: float, ended_s: float) -> list[tuple[B, float]]:
        """The buckets from one time to another, which is now, each with its share of the time between."""
        last = self.at(ended_s)
        if ended_s <= began_s:
            return [(last, 1.0)]
        first = int(began_s / self.width_s)
        found = []
        for place, bucket in enumerate(self.all[first:], start=first):
            begins_s, ends_s = place * self.width_s, (place + 1) * self.width_s
            within_s = min(ends_s, ended_s) - max(begins_s, began_s)
            found.append((bucket, max(within_s, 0.0) / (ended_s - began_s)))
        return found

    def _halve(self) -> None:
        for earlier, later in zip(self.all[::2], self.all[1::2], strict=False):
            earlier.merge(later)
        self.all = self.all[::2]
        self.width_s *= 2
        self.merges += 1
