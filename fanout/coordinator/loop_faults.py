"""Injects the faults of a scenario's `coordinator.faults` into a coordinator's event loop.

fanout/scenario/faults/_coordinator.py defines what each fault does.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Sequence
from typing import Any

from fanout.errors import CouldNotRunError
from fanout.scenario import is_ip_address
from fanout.scenario.faults import AddressInfo, CoordinatorFault


class LoopFaults:
    """The faults to inject into one event loop."""

    def __init__(self, faults: Sequence[CoordinatorFault] = (), seed: str = "") -> None:
        """`seed` decides which lookups a fault of a share of them concerns."""
        self._faults = faults
        self._seed = seed
        self._lookups = 0

    def check(self) -> None:
        """Raises CouldNotRunError if this system has no IPv6 and a fault adds an address of that family."""
        anything = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))
        for fault in self._faults:
            for family, *_ in fault.addresses([anything]):
                try:
                    socket.socket(family).close()
                except OSError as error:
                    raise CouldNotRunError(
                        f"coordinator.faults: {fault.kind} is not possible on this system, which has no IPv6: "
                        f"{error.strerror}; leave it out"
                    ) from error

    def lookup(self, host: object) -> Callable[[], None]:
        """Counts a lookup of this host that begins; returns what to call on its thread, which may raise gaierror."""
        if not is_name(host):
            return lambda: None
        self._lookups += 1
        number = self._lookups

        def before_lookup() -> None:
            for index, fault in enumerate(self._faults):
                fault.before_lookup(random.Random(f"{self._seed}:fault {index}:lookup {number}"))  # noqa: S311

        return before_lookup

    def addresses(self, host: object, family: int, found: list[AddressInfo]) -> list[AddressInfo]:
        """What a lookup of this host in this family (0: any) finds in place of these addresses."""
        if not is_name(host):
            return found
        for fault in self._faults:
            found = fault.addresses(found)
        return [each for each in found if family in (0, each[0])]

    def is_silent(self, address: Any, agent: int | None) -> bool:  # noqa: ANN401
        """Whether an attempt to connect to this address, for this agent, is never answered. Agents count from 0."""
        number = None if agent is None else agent + 1
        return any(fault.is_silent(address, number) for fault in self._faults)


def is_name(host: object) -> bool:
    """Whether a host is a name that has to be looked up."""
    text = host.decode("ascii", errors="replace") if isinstance(host, bytes) else host
    return isinstance(text, str) and not is_ip_address(text)
