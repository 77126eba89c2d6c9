"""What the users of a Locust process need of its session, whether it makes runs of its own or works for a master."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

from gevent import Greenlet, GreenletExit
from gevent.event import Event
from locust import User
from locust.env import Environment

from fanout.errors import CouldNotRunError
from fanout.locust_plugin.client import CoordinatorClient
from fanout.locust_plugin.roster import Roster
from fanout.processes.own_code import allow


class AnyRun(Protocol):
    stopping: Event
    """Set when the end of the run begins."""

    def new_client(self, user_context: Mapping[str, Any]) -> CoordinatorClient:
        """A coordinator process for one user, ready to ask.

        Raises CouldNotRunError if it doesn't start, GreenletExit if the run ends meanwhile.
        """

    def begin(self) -> None:
        """Call it before the first question is sent."""

    def fail(self, error: CouldNotRunError) -> None:
        """Notes why the run can't continue."""


class BaseSession(ABC):
    """Locust's events call start(), stop(), finish(), quit() and print_report(), in this order."""

    exit_code: int | None
    """The exit code of the last run: an ExitCode, or that of --exit-code-on-error."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        if getattr(environment.parsed_options, "allow_factory", False):
            allow()  # for the coordinators that this process starts
        self.users = Roster()
        """The users of the current run."""

    def join(self, user: User) -> CoordinatorClient:
        """A coordinator for a user whose questions may go out now. Raises GreenletExit if there is no run for it."""
        run = self._run_of_users()
        if run is None or run.stopping.is_set():
            raise GreenletExit
        try:
            client = run.new_client(user.context())
        except CouldNotRunError as error:
            run.fail(error)
            raise GreenletExit from error
        try:
            self._await_begin()
            if run.stopping.is_set():
                raise GreenletExit
        except BaseException:  # also if Locust kills the user
            client.stop(0)
            client.close()
            raise
        run.begin()
        if self.ends_by_itself:
            client.is_one_round = True
            client.on_round_ended = lambda: self._park(user, run)
        return client

    def _park(self, user: User, run: AnyRun) -> None:
        """Notes that a user has done its round; returns at the end of the run, when every user has."""
        self.users.note_done(user)
        run.stopping.wait()

    @property
    @abstractmethod
    def ends_by_itself(self) -> bool:
        """Whether a run is one round of every user."""

    @abstractmethod
    def _run_of_users(self) -> AnyRun | None:
        """The run that new users are for; None if it could not begin, or is over."""

    @abstractmethod
    def _await_begin(self) -> None:
        """Returns when the questions of a user that is ready may go out."""

    def ends_at_signal(self, main: Greenlet) -> bool:
        """Called at a signal. Begins to end what Locust doesn't end then; returns whether there is such a thing.

        `main` is the greenlet in which Locust waits.
        """
        return False

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def stop(self) -> None: ...

    @abstractmethod
    def finish(self) -> None: ...

    @abstractmethod
    def quit(self) -> None: ...

    @abstractmethod
    def print_report(self) -> None: ...
