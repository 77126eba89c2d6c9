"""What the master knows about one worker, and about its part of a run."""

from __future__ import annotations

from dataclasses import replace

from gevent.event import Event

from fanout.locust_plugin.distributed._clocks import better, offset_of
from fanout.locust_plugin.distributed._lines import ClockRead, CoordinatorEnded, Ended, Hello, Progress
from fanout.locust_plugin.distributed._link import Link
from fanout.locust_plugin.distributed._networks import network_here
from fanout.runs.schema import ClockOffset, CoordinatorInfo, LocustWorkerInfo


class Worker:
    """A Locust worker, as long as the master lives."""

    def __init__(self, client_id: str, number: int, link: Link) -> None:
        self.client_id = client_id
        """Locust's name of it."""
        self.number = number
        self.link = link
        self.hello: Hello | None = None
        """None until it has said which version it runs."""
        self.is_refused = False
        self.run: int | None = None
        """The run that its lines are about."""

    def __str__(self) -> str:
        return str(LocustWorkerInfo(self.number, self.hello.host, self.hello.pid)) if self.hello else self.client_id


class Share:
    """One worker's part of a run: what it has reported about it so far."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.users = 0
        """The users that Locust has given it."""
        self.questions = 0
        self.ended = Event()
        """Set when its last line has arrived."""
        self.end: Ended | None = None
        self.is_lost = False
        self.missing_since: float | None = None
        """When the master began to miss it, by a clock that never goes back; None while it doesn't."""
        self.clock_readings = 0
        """How often its clock was asked for."""
        self._progress = Progress(0, 0, 0)
        self._clock: ClockOffset | None = None
        self._started: list[int] = []
        """The numbers of the coordinators that it was to start."""
        self._reported: dict[int, CoordinatorInfo] = {}

    def note(self, said: Progress | ClockRead | CoordinatorEnded | Ended, now: float) -> None:
        """`now` is the time of this clock, in Unix seconds."""
        match said:
            case Progress():
                self._progress = said
            case ClockRead():
                self._clock = better(self._clock, offset_of(said.sent, said.at, now))
            case CoordinatorEnded(info):
                self._reported[info.coordinator] = replace(info, locust_worker=self.worker.number)
            case Ended():
                self.end = said
                self.ended.set()

    def check(self, info: CoordinatorInfo, agents: int) -> None:
        """Raises ValueError for a report on a coordinator that is none of this worker's, or on other agents."""
        self.check_own(info.coordinator)
        if [each.agent for each in info.agents] not in ([], list(range(1, agents + 1))):
            raise ValueError(f"coordinator {info.coordinator} has asked other agents")

    def check_own(self, coordinator: int) -> None:
        """Raises ValueError for a coordinator that is none of this worker's."""
        if coordinator not in self._started:
            raise ValueError(f"coordinator {coordinator} is not its own")

    def note_started(self, coordinator: int) -> None:
        self._started.append(coordinator)

    @property
    def coordinators(self) -> tuple[CoordinatorInfo, ...]:
        """Those that got ready. Until all are reported, it is unknown which did, and what those not reported asked."""
        unknown = [] if self.end else [number for number in self._started if number not in self._reported]
        return (
            *self._reported.values(),
            *(CoordinatorInfo(number, locust_worker=self.worker.number) for number in unknown),
        )

    @property
    def all_done(self) -> bool:
        """Whether each user that Locust has given it has done its round, or has ended."""
        return self._progress.done >= max(self.users, self._progress.users)

    def planned(self, by_user: int | None) -> int:
        """The questions to ask. `by_user` are those of a user, if each does one round."""
        return max(self._progress.planned, self.users * (by_user or 0))

    def info(self, by_user: int | None) -> LocustWorkerInfo:
        hello, end = self.worker.hello, self.end
        assert hello is not None  # or it would have no share
        return LocustWorkerInfo(
            locust_worker=self.worker.number,
            host=hello.host,
            pid=hello.pid,
            machine=hello.machine,
            is_remote=hello.network != network_here(),
            machine_load=None if end is None else end.machine_load,
            clock=self._clock,
            questions=self.questions,
            unaccounted=max(self.planned(by_user) - self.questions, 0) if end is None else None,
            left_early=None if end is None else end.is_early,
        )
