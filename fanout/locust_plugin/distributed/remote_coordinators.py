"""The coordinators of a distributed run, as the master sees them: the counterpart of Coordinators."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import replace

import gevent
from gevent import Greenlet

from fanout.coordinator.snapshot import Snapshot
from fanout.errors import CouldNotRunError
from fanout.locust_plugin.distributed._clocks import READINGS
from fanout.locust_plugin.distributed._lines import (
    Begun,
    CoordinatorEnded,
    Counters,
    Failed,
    FromWorker,
    Hello,
    NumberGiven,
    Order,
    ReadClock,
    Stop,
    WantsNumber,
)
from fanout.locust_plugin.distributed._share import Share, Worker
from fanout.locust_plugin.distributed.crew import TICK_S, Crew
from fanout.outcome import Outcome
from fanout.runs.schema import ClientInfo, CoordinatorInfo, LocustWorkerInfo
from fanout.text import listed
from fanout.web.live import LiveRun

logger = logging.getLogger("fanout")

GIVE_UP_S = 10
"""How long the run waits for a worker that Locust misses."""
END_S = 15
"""How long a worker may take to report the end of its part, besides the time for questions in flight."""


class RemoteCoordinators:
    """Gives each worker the same order, and takes what they report until each has ended its part or is lost."""

    def __init__(
        self,
        crew: Crew,
        order: Order,
        questions: int,
        record: Callable[[Outcome], None],
        on_failure: Callable[[CouldNotRunError], None],
        *,
        live: LiveRun | None = None,
    ) -> None:
        """Gives all workers that are connected their part. `questions` are those of a round.

        Raises CouldNotRunError if there is none, or one can't reach the agents or doesn't know fanout.
        """
        self.is_one_round = order.is_one_round
        self._crew = crew
        self._order = order
        self._by_user = questions if order.is_one_round else None
        self._record = record
        self._on_failure = on_failure
        self._live = live
        self._numbers = itertools.count(1)
        self._stop: Stop | None = None
        self._shares: dict[str, Share] = {}
        workers = crew.ready()
        if strange := next((worker for worker in workers if not crew.reaches(worker, order.addresses)), None):
            raise CouldNotRunError(f"{strange} {self._unreachable}")
        crew.users.clear()
        crew.listener = self
        for worker in workers:
            self.join(worker)

    @property
    def _unreachable(self) -> str:
        return (
            f"runs on another machine, or in another network, than this master, where {self._order.addresses[0]} leads "
            "to other agents: start the agents with an address that all workers reach, and list them under agents"
        )

    def join(self, worker: Worker) -> bool:
        """Gives a worker its part, also one that has come late. Returns whether it has one."""
        if worker.client_id in self._shares:
            return True
        if self._stop is not None:
            return False
        if not self._crew.reaches(worker, self._order.addresses):
            self._crew.refuse(worker, f"it {self._unreachable}")
            return False
        self._shares[worker.client_id] = Share(worker)
        self._crew.tell(worker, self._order)
        return True

    def fail(self, error: CouldNotRunError) -> None:
        self._on_failure(error)

    def take(self, worker: Worker, said: FromWorker) -> None:
        """Raises ValueError for what contradicts the order."""
        share = self._shares.get(worker.client_id)
        if isinstance(said, Begun):
            worker.run = said.run
        elif share is None or worker.run != self._order.run or share.ended.is_set():
            return  # it is about a run that has ended without this worker
        elif isinstance(said, Outcome):
            self._take_outcome(share, said)
        elif isinstance(said, WantsNumber):
            number = next(self._numbers)
            share.note_started(number)
            self._crew.tell(worker, NumberGiven(number))
        elif isinstance(said, Failed):
            self._on_failure(CouldNotRunError(f"{worker}: {said.why}"))
        elif isinstance(said, Snapshot | Counters):
            self._watch(share, said)
        elif not isinstance(said, Hello):
            if isinstance(said, CoordinatorEnded):
                share.check(said.info, len(self._order.addresses))
            share.note(said, time.time())

    def _watch(self, share: Share, said: Snapshot | Counters) -> None:
        if isinstance(said, Snapshot):
            share.check_own(said.coordinator)
        else:
            share.check(said.info, len(self._order.addresses))
        if self._live is None:
            return
        if isinstance(said, Snapshot):
            self._live.note(said, share.worker.number)
        else:
            self._live.note_counters(said.info)

    def _take_outcome(self, share: Share, outcome: Outcome) -> None:
        if outcome.agent > len(self._order.addresses):
            raise ValueError(f"there is no agent {outcome.agent}")
        try:
            self._record(replace(outcome, locust_worker=share.worker.number))
            share.questions += 1
        except CouldNotRunError as error:  # such as a full disk
            self._on_failure(error)

    def tick(self) -> None:
        """Notices workers that are lost, and those that are back. The crew calls it all the time."""
        now = time.monotonic()
        self._count_users()
        for share in self._shares.values():
            if share.ended.is_set():
                continue
            if self._crew.is_gone(share.worker):
                self._lose(share)
            elif self._crew.is_silent(share.worker):
                self._wait_for(share, now)
            elif share.missing_since is not None:
                share.missing_since, share.is_lost = None, False
                logger.warning("%s is back", share.worker)
                if self._live is not None:
                    self._live.warning = None
            elif share.clock_readings < READINGS:  # one at a time, or they would wait for each other
                share.clock_readings += 1
                self._crew.tell(share.worker, ReadClock(time.time()))
        if strays := {worker for worker, users in self._crew.users.items() if users} - self._shares.keys():
            self._on_failure(CouldNotRunError(f"Locust has given users to {listed(sorted(strays))}, which has no part"))

    def _wait_for(self, share: Share, now: float) -> None:
        """Waits for a worker that is silent, for a while."""
        if share.missing_since is None:
            share.missing_since = now
            self._warn(logging.WARNING, f"{share.worker} does not answer; the run waits {GIVE_UP_S} s for it")
        elif now - share.missing_since > GIVE_UP_S and not share.is_lost:
            self._lose(share)
            self._crew.give_up(share.worker)

    def _count_users(self) -> None:
        for share in self._shares.values():
            share.users = self._crew.users.get(share.worker.client_id, 0)

    def _lose(self, share: Share) -> None:
        if share.is_lost:
            return
        share.is_lost = True
        if self._live is not None:
            self._live.note_lost(share.worker.number)
        unaccounted = share.info(self._by_user).unaccounted
        self._warn(
            logging.ERROR, f"{share.worker} is lost, and with it {unaccounted} questions so far; the run goes on"
        )

    def _warn(self, level: int, what: str) -> None:
        """Logs what is wrong, and shows it on the live page."""
        logger.log(level, "%s", what)
        if self._live is not None:
            self._live.warning = what

    @property
    def all_done(self) -> bool:
        """Whether all users of all workers have done their round; those of lost workers never will."""
        self._count_users()
        at_work = [share for share in self._shares.values() if not share.is_lost and not share.ended.is_set()]
        return all(share.missing_since is None and share.all_done for share in at_work)

    @property
    def none_left(self) -> bool:
        """Whether each worker is lost, or has ended its part."""
        return all(share.is_lost or share.ended.is_set() for share in self._shares.values())

    def begin_stop(self, drain_s: float) -> list[Greenlet]:
        self._stop = Stop(drain_s)
        for share in self._shares.values():
            self._crew.tell(share.worker, self._stop)
        return [gevent.spawn(self._await_end, share, drain_s + END_S) for share in self._shares.values()]

    def _await_end(self, share: Share, most_s: float) -> None:
        deadline = time.monotonic() + most_s
        while not share.ended.wait(TICK_S) and not share.is_lost:
            if time.monotonic() > deadline and share.missing_since is None:
                self._lose(share)

    def close(self) -> None:
        """Takes nothing more."""
        if self._crew.listener is self:
            self._crew.listener = None

    @property
    def planned(self) -> int:
        return sum(share.planned(self._by_user) for share in self._shares.values())

    @property
    def settings(self) -> ClientInfo | None:
        ends = [share.end for share in self._shares.values() if share.end is not None]
        return next((end.client for end in ends if end.client is not None), None)

    @property
    def infos(self) -> tuple[CoordinatorInfo, ...]:
        found = [info for share in self._shares.values() for info in share.coordinators]
        return tuple(sorted(found, key=lambda info: info.coordinator))

    @property
    def locust_workers(self) -> tuple[LocustWorkerInfo, ...]:
        return tuple(share.info(self._by_user) for share in self._shares.values())

    @property
    def has_errors(self) -> bool:
        """Whether something in a worker's locustfile failed."""
        return any(share.end is not None and share.end.has_errors for share in self._shares.values())
