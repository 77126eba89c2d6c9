"""What each worker counts, in memory that it shares with the fleet: readable even after a worker has died."""

from __future__ import annotations

import mmap

_FIELDS = 2
_SIZE = 8


class Counters:
    """One worker's slot of the shared memory. Only that worker writes it."""

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
    """Counters for so many workers, to be made before they are forked."""
    slots = memoryview(mmap.mmap(-1, workers * _FIELDS * _SIZE)).cast("Q")
    return [Counters(slots, worker) for worker in range(workers)]
