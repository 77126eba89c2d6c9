"""The agents of a run: started as a fleet of workers, or running already at addresses that the scenario lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from fanout.child import Child
from fanout.scenario import Scenario


@dataclass(frozen=True)
class WorkerCounts:
    """What the workers themselves counted."""

    accepted: tuple[int, ...]
    """Connections, by agent."""
    served: int
    """Requests, of all."""
    exited: tuple[int, ...]
    """Agents whose process ended too early, counted from 1."""


class Agents:
    """The agents' addresses for as long as a run lasts; a context manager. Raises CouldNotRunError if they don't start.

    `scenario_file` holds the same scenario, for the fleet to read.
    """

    def __init__(self, scenario: Scenario, scenario_file: Path) -> None:
        self.addresses: tuple[str, ...] = ()
        self.ca_pem: str | None = None
        """The certificate to trust, of agents that speak HTTPS."""
        self.workers: list[dict[str, Any]] | None = None
        self._fleet: Child | None = None
        if isinstance(scenario.agents, int):
            self._fleet = Child("the fleet of agents", "workers.fleet", [str(scenario_file)])
            try:
                ready = self._fleet.expect("ready")
            except BaseException:
                self._fleet.close()
                raise
            self.addresses, self.ca_pem = tuple(ready["addresses"]), ready["ca_pem"]
        else:
            self.addresses = scenario.agents

    @property
    def pid(self) -> int | None:
        """The fleet's process; None for agents that are not ours."""
        return None if self._fleet is None else self._fleet.pid

    @property
    def gone(self) -> bool:
        """Whether a fleet of ours has died."""
        return self._fleet is not None and not self._fleet.alive

    def counts(self) -> WorkerCounts | None:
        """None for agents that are not ours. Raises CouldNotRunError if the fleet is gone."""
        if self._fleet is None:
            return None
        self._fleet.tell({"do": "counts"})
        self.workers = workers = self._fleet.expect("counts", timeout_s=10)["workers"]
        return WorkerCounts(
            accepted=tuple(worker["accepted"] for worker in workers),
            served=sum(worker["served"] for worker in workers),
            exited=tuple(worker["agent"] for worker in workers if not worker["alive"]),
        )

    def close(self) -> None:
        if self._fleet is not None:
            self._fleet.close()

    def __enter__(self) -> Agents:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()
