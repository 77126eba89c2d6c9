"""The agents of a run: a fleet of workers that is started for it, or running agents listed in the scenario."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fanout.agents.deaths import Death
from fanout.errors import CouldNotRunError
from fanout.paths import require_checkout
from fanout.processes.child import Child
from fanout.runs.schema import WorkerInfo, part_of
from fanout.scenario import Scenario

ANSWER_S = 10
"""How long the fleet may take to answer."""
STOP_S = 3
"""How long the fleet may take to end."""


@dataclass(frozen=True)
class WorkerCounts:
    """The workers' own counters."""

    accepted: tuple[int, ...]
    """Connections that each agent accepted."""
    served: int
    """Requests that all agents served."""
    deaths: tuple[Death, ...]
    """Processes that ended unexpectedly."""


def require_agents(scenario: Scenario) -> None:
    """Raises CouldNotRunError if the scenario's agents must be started and this installation can't start agents."""
    if isinstance(scenario.agents, int):
        require_checkout(scenario.name, otherwise=", or list the addresses of running agents under agents")


class Agents:
    """The agents during a run, as a context manager. Raises CouldNotRunError if they can't be started.

    If they are started for the run, this owns their fleet and the thread that listens to it. `scenario_file` holds the
    same scenario, for the fleet to read.
    """

    def __init__(
        self,
        scenario: Scenario,
        scenario_file: Path,
        on_death: Callable[[Death], None] = lambda _: None,
        fleet_options: Sequence[str] = (),
    ) -> None:
        """`on_death` is called in another thread as soon as an agent's process has ended."""
        self.addresses: tuple[str, ...] = ()
        self.ca_pem: str | None = None
        """The certificate to trust for agents that use HTTPS."""
        self.workers: tuple[WorkerInfo, ...] | None = None
        self._fleet: Child | None = None
        self._on_death = on_death
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        if isinstance(scenario.agents, int):
            self._fleet = Child("the fleet of agents", "workers.fleet", [str(scenario_file), *fleet_options])
            try:
                ready = self._fleet.expect("ready")
                self._listener.start()
            except BaseException:
                self._fleet.close()
                raise
            self.addresses, self.ca_pem = tuple(ready["addresses"]), ready["ca_pem"]
        else:
            self.addresses = scenario.agents

    @property
    def pid(self) -> int | None:
        """The fleet's process id; None if no fleet was started."""
        return None if self._fleet is None else self._fleet.pid

    @property
    def gone(self) -> bool:
        """Whether the fleet has died."""
        return self._fleet is not None and not self._fleet.alive

    @property
    def last_words(self) -> str:
        """Why the fleet has ended, as the end of a sentence."""
        return "" if self._fleet is None else self._fleet.last_words

    def counts(self) -> WorkerCounts | None:
        """The workers' counters; None if no fleet was started. Raises CouldNotRunError if the fleet is gone."""
        if self._fleet is None:
            return None
        self._fleet.tell({"do": "counts"})
        try:
            answer = self._answers.get(timeout=ANSWER_S)
        except queue.Empty:
            answer = None
        if answer is None:
            raise CouldNotRunError(f"{self._fleet.what} is gone or hangs: its counters are lost")
        self.workers = workers = tuple(part_of(WorkerInfo, worker) for worker in answer["workers"])
        return WorkerCounts(
            accepted=tuple(worker.accepted or 0 for worker in workers),
            served=sum(worker.served or 0 for worker in workers),
            deaths=tuple(Death(worker.agent, **vars(death)) for worker in workers for death in worker.deaths or ()),
        )

    def _listen(self) -> None:
        """Handles the fleet's messages until it ends."""
        assert self._fleet is not None
        while (message := self._fleet.listen()) is not None:
            if message["is"] == "died":
                self._on_death(Death.from_json(message))
            else:
                self._answers.put(message)
        self._answers.put(None)

    def close(self) -> None:
        """Ends the fleet; returns when its last message is handled. Any thread may call it, and more than once."""
        if self._fleet is not None:
            self._fleet.close(STOP_S)
            self._listener.join()

    def __enter__(self) -> Agents:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
