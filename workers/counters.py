"""Each worker's counters, in memory shared with the fleet, so that they are readable even after the worker has died."""

from __future__ import annotations

import mmap

_FIELDS = 2
_SIZE = 8


class Counters:
    """One worker's slot of the shared memory, which only that worker writes."""

    def __init__(self, slots: memoryview, worker: int) -> None:
        self._slots = slots
        self._first = worker * _FIELDS

    @property
    def accepted(self) -> int:
        """Connections accepted."""
        return int(self._slots[self._first])

    @accepted.setter
    def accepted(self, value: int) -> None:
        self._slots[self._first] = value

    @property
    def served(self) -> int:
        """Requests answered."""
        return int(self._slots[self._first + 1])

    @served.setter
    def served(self, value: int) -> None:
        self._slots[self._first + 1] = value


def shared_counters(workers: int) -> list[Counters]:
    """Counters for this number of workers. They must be created before the workers are forked."""
    slots = memoryview(mmap.mmap(-1, workers * _FIELDS * _SIZE)).cast("Q")
    return [Counters(slots, worker) for worker in range(workers)]
