"""Totals of a coordinator's name lookups, and of the addresses found that did not answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Literal

from fanout.coordinator.event_loop import Lookup, LookupFailure
from fanout.runs.schema import FailedLookups, LookupTimes, MeanAndMax, SilentAddress


class MeanOf:
    """The mean and the maximum of the durations added."""

    def __init__(self) -> None:
        self._count, self._sum, self._max = 0, 0.0, 0.0

    def add(self, duration_ms: float) -> None:
        self._count += 1
        self._sum += duration_ms
        self._max = max(self._max, duration_ms)

    def known(self) -> MeanAndMax | None:
        return MeanAndMax(self._sum / self._count, self._max) if self._count else None


class Lookups:
    """Totals of a coordinator's name lookups."""

    def __init__(self) -> None:
        self.silent = SilentAddresses()
        self.pending = 0
        """The lookups that have begun and not ended."""
        self._count = 0
        self._queued, self._took = MeanOf(), MeanOf()
        self._failed: Counter[LookupFailure] = Counter()

    def begin(self) -> None:
        self.pending += 1

    def end(self, ended: Lookup | LookupFailure) -> None:
        self.pending -= 1
        if not isinstance(ended, Lookup):
            self._failed[ended] += 1
            return
        self._count += 1
        self._queued.add(ended.queued_ms)
        self._took.add(ended.took_ms)

    def times(self) -> LookupTimes:
        """The number of successful lookups, their wait for a thread (queued), and their durations."""
        return LookupTimes(self._count, self._queued.known(), self._took.known())

    def failed(self) -> FailedLookups:
        return FailedLookups(**{why: self._failed[why] for why in ("temporary", "unknown_name", "other", "cancelled")})


class SilentAddresses:
    """Totals of the attempts to connect to an address in vain, while another address of the same name answered."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lost: dict[str, MeanOf] = {}

    def add(self, address: str, end: Literal["failed", "cancelled"], lost_ms: float) -> None:
        """`lost_ms` is how much later the address that answered was tried."""
        self._counts[address, end] += 1
        self._lost.setdefault(address, MeanOf()).add(lost_ms)

    def found(self) -> tuple[SilentAddress, ...]:
        return tuple(
            SilentAddress(address, self._counts[address, "failed"], self._counts[address, "cancelled"], lost.known())
            for address, lost in self._lost.items()
        )


class Attempts:
    """The attempts to open one connection, to the addresses of one name."""

    def __init__(self, silent: SilentAddresses) -> None:
        self._silent = silent
        self._begun: list[tuple[str, float]] = []
        self._failed: set[str] = set()
        self._answered = False

    def begin(self, address: str) -> Callable[[bool], None]:
        """Records an attempt. The function returned ends it, given whether the address answered."""
        began = time.perf_counter()
        self._begun.append((address, began))

        def end(answered: bool) -> None:
            if not answered:
                self._failed.add(address)
            elif not self._answered:  # a second address may answer before its attempt is cancelled
                self._answered = True
                self._report(began)

        return end

    def _report(self, answered: float) -> None:
        """Reports the addresses that were tried in vain before the one that answered, which was tried at this time."""
        for address, began in self._begun:
            if began < answered:
                end: Literal["failed", "cancelled"] = "failed" if address in self._failed else "cancelled"
                self._silent.add(address, end, (answered - began) * 1000)
