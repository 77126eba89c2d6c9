"""fanout's place in a Locust process: a run for each test that is started. Works by being imported.

init_command_line_parser   fanout's options are added
init                       the scenario is read: if it is wrong, nothing starts; the web UI is kept to its own page
test_start … test_stop     one LocustRun
quitting                   an interrupted run is ended in order; the exit code
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import signal
import sys
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import gevent
import gevent.os
import locust.stats
from gevent import Greenlet, GreenletExit
from gevent.event import Event
from locust import User, events
from locust.env import Environment
from locust.runners import STATE_RUNNING, LocalRunner

from fanout.agents.handle import require_agents
from fanout.errors import CouldNotRunError, ExitCode, FanoutError, UsageError
from fanout.locust_plugin.gate_options import GateOptions
from fanout.locust_plugin.guard import guard
from fanout.locust_plugin.options import add_options
from fanout.locust_plugin.run import LocustRun
from fanout.processes.fd_limits import make_room, needed
from fanout.runs.writer import new_run_dir
from fanout.scenario import Scenario, load_scenario
from fanout.scenario.questions import count_of
from fanout.scenario.remote_agents import Load, announced_by_users

logger = logging.getLogger("fanout")

RESULTS = Path("results")
POLL_S = 0.1
END_S = 60
"""More than a run takes to be completed once nothing is in flight."""


class Session:
    """What fanout knows of one Locust environment."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.options: Any = environment.parsed_options or argparse.Namespace()
        """As the command line has them, whatever the web UI is sent; of that only the scenario counts."""
        # The web UI's /swarm sets every option there is, shown or not, such as the files that are written at the end.
        environment.parsed_options = argparse.Namespace(**vars(self.options))
        self._results = Path(os.environ.get("FANOUT_RESULTS") or RESULTS)
        """Where new run directories go; somebody who started this process may want them elsewhere."""
        self.run: LocustRun | None = None
        """The run that is on, if any."""
        self.exit_code: ExitCode | None = None
        self.may_begin = Event()
        """Set when questions may go out: at once, unless somebody started this process who wants to say when."""
        self._ready = os.environ.get("FANOUT_READY")
        if self._ready is None:
            self.may_begin.set()
        self._starter: Greenlet | None = None
        """Who starts a run, while that goes on."""
        self._at_rest = Event()
        """Set while there is no run, nor any that is being completed."""
        self._at_rest.set()
        self._users: list[User] = []
        self._parked: set[User] = set()

    def scenario(self) -> Scenario:
        """The scenario that the command line or the web UI names. Raises UsageError, CouldNotRunError."""
        file = getattr(self.environment.parsed_options, "scenario", "")
        if not file:
            raise UsageError(
                "no scenario; name one with --scenario FILE or FANOUT_SCENARIO, e.g. scenarios/a2a-tuned.yaml"
            )
        scenario = load_scenario(file)
        require_agents(scenario)
        count_of(scenario.questions)  # a file of questions has to be right as well
        return scenario

    def gate_options(self) -> GateOptions:
        """Raises UsageError, NoDataError."""
        options = self.options
        return GateOptions.parse(options.gate or [], options.baseline, options.junit, RESULTS)

    def start(self) -> None:
        """Begins a run. If that fails, the test ends at once."""
        self._users.clear()
        self._parked.clear()
        self._starter = gevent.getcurrent()
        try:
            scenario = self.scenario()
            make_room(needed(scenario, self._runner().target_user_count))
            directory = (
                Path(self.options.run_dir) if self.options.run_dir else new_run_dir(self._results, scenario.name)
            )
            self._announce(scenario)
            self.run = LocustRun(self.environment, scenario, directory, self.gate_options())
            self._at_rest.clear()
        except FanoutError as error:
            self.give_up(error)
        except Exception as error:  # Locust would print it, and go on for ever without a run
            logger.exception("a mistake of fanout's own:")
            self.give_up(CouldNotRunError(f"the run could not begin: {type(error).__name__}: {error}"))
        else:
            gevent.spawn(self._watch, self.run)
        finally:
            self._starter = None

    def _announce(self, scenario: Scenario) -> None:
        """Says what is going to leave this machine, if anything."""
        users = None if self.environment.shape_class else self._runner().target_user_count
        load = Load(scenario.agents, scenario.questions)
        if said := announced_by_users(load, users, rounds_go_on=not self.ends_by_itself):
            logger.warning("%s", said)  # or --loglevel WARNING would hide it

    def give_up(self, error: FanoutError) -> None:
        """Ends the test, because it can't go on; the web UI shows why under Exceptions."""
        if self.run is not None:
            self.run.fail(error)
        else:
            self.exit_code = error.exit_code
            logger.error("%s", error)
        runner = self._runner()
        runner.log_exception("local", str(error), str(error))
        if self.run is None or not self.run.stopping.is_set():
            gevent.spawn(runner.quit if self.options.headless else runner.stop)

    def stop(self) -> None:
        """The test's end has begun."""
        self.may_begin.set()  # for whoever still waits for it
        if self.run is None:
            return
        drain_s = 0 if self.run.ended_by == "interrupted" else self.environment.stop_timeout or 0
        if self.run.stopping.is_set():  # pressed twice, or two coordinators died: Locust's users bear one stop only
            self._at_rest.wait(drain_s + END_S)
        else:
            self.run.drain(drain_s)

    def finish(self) -> None:
        """The test has ended."""
        run, self.run = self.run, None
        if run is None:
            return
        try:
            run.finish()
        finally:
            self.exit_code = run.exit_code
            self._at_rest.set()

    def quit(self) -> None:
        """Locust is about to exit. What it is still busy with is ended in order, whatever else comes meanwhile."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient Ctrl-C would break off the end, which is bounded
        interrupted = self.run is not None or self._starter is not None
        if self._starter is not None:
            self._starter.kill()
        if self.run is not None:
            self._interrupt(self.run)
        if not self._at_rest.wait(END_S):  # another greenlet may be completing the run
            self.finish()
        if interrupted:
            self.exit_code = ExitCode.INTERRUPTED
        if self.options.csv_prefix:
            # Locust writes its CSV rows once a second, and no last time at the end.
            gevent.sleep(locust.stats.CSV_STATS_INTERVAL_SEC + 0.2)
        if self.exit_code is None and self.options.headless:
            self.exit_code = ExitCode.NO_DATA
        if self.exit_code is not None:
            self.environment.process_exit_code = self.exit_code

    def _interrupt(self, run: LocustRun) -> None:
        run.ended_by = "interrupted"
        self.environment.stop_timeout = 0  # nor do users get any time
        if run.stopping.is_set():
            run.drain(0)  # and whoever is stopping it goes on
        else:
            self._runner().stop()

    def await_begin(self) -> None:
        """A user is ready: tells whoever waits for that, and waits for the word to go on."""
        if not self.may_begin.is_set():
            os.write(int(self._ready or -1), b"!")
            self.may_begin.wait()
        if self.run is None or self.run.stopping.is_set():
            raise GreenletExit  # the run ended before it had begun

    @property
    def ends_by_itself(self) -> bool:
        """Without a screen or a time limit, a run is one round of every user."""
        return self.options.headless and not self.options.run_time and self.environment.shape_class is None

    def join(self, user: User) -> None:
        """A user has been made; the run doesn't end by itself before it has done its round, or has ended."""
        self._users.append(user)

    def park(self, user: User) -> None:
        """A user has done its round: waits for the end, which comes when every user has."""
        self._parked.add(user)
        if self.run is not None:
            self.run.stopping.wait()

    def _watch(self, run: LocustRun) -> None:
        """Ends the run when its agents have died, or when all that it is for is done."""
        while not run.stopping.wait(POLL_S):
            if run.agents.gone:
                self.give_up(CouldNotRunError("the fleet of agents died; its own message, if any, stands above"))
            elif self.ends_by_itself and self._all_are_done():
                run.ended_by = "rounds_done"
                gevent.spawn(self._runner().quit)
            else:
                continue
            return

    def _all_are_done(self) -> bool:
        """Whether each user has done its round, or has ended without one, by StopUser or an error of its own."""
        alive = {user for user in self._users if user.greenlet is None or not user.greenlet.ready()}
        return self._runner().state == STATE_RUNNING and bool(self._users) and alive <= self._parked

    def _runner(self) -> LocalRunner:
        assert isinstance(self.environment.runner, LocalRunner)
        return self.environment.runner


_sessions: WeakKeyDictionary[Environment, Session] = WeakKeyDictionary()


def session_of(environment: Environment) -> Session:
    """The session that `init` opened for a Locust environment."""
    return _sessions[environment]


def bucket_ms(response_time_ms: float) -> float:
    """Locust's histogram buckets, fine enough for adapter latency: 0.1 ms up to 100 ms, then three digits."""
    if response_time_ms < 100:
        return round(response_time_ms, 1)
    return float(round(response_time_ms, 2 - int(math.log10(response_time_ms))))


def _obey_parent(session: Session, lifeline: int) -> None:
    """Whoever started Locust writes into this pipe to let the run begin; when it is closed, the run is interrupted."""
    while gevent.os.tp_read(lifeline, 1):
        session.may_begin.set()
    os.kill(os.getpid(), signal.SIGTERM)


def _open_session(environment: Environment, **_: Any) -> None:  # noqa: ANN401
    session = Session(environment)
    try:
        if not isinstance(environment.runner, LocalRunner):
            raise UsageError(
                "fanout runs in one Locust process, and each of its users is a process of its own already: "
                "leave out --master, --worker and --processes, and raise -u instead"
            )
        session.scenario()
        session.gate_options()
    except FanoutError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Ctrl-C would strike whichever greenlet runs, such as one that is recording an outcome. It is for the main one.
        gevent.signal_handler(signal.SIGINT, gevent.kill, gevent.getcurrent(), KeyboardInterrupt)
    locust.stats.bucket_response_time = bucket_ms  # type: ignore[assignment]
    _sessions[environment] = session
    if environment.web_ui is not None:
        guard(environment.web_ui)
    if lifeline := os.environ.get("FANOUT_LIFELINE"):
        gevent.spawn(_obey_parent, session, int(lifeline))
    environment.events.test_start.add_listener(lambda **_: session.start())
    environment.events.test_stopping.add_listener(lambda **_: session.stop())
    environment.events.test_stop.add_listener(lambda **_: session.finish())
    environment.events.quitting.add_listener(lambda **_: session.quit())


events.init_command_line_parser.add_listener(add_options)
events.init.add_listener(_open_session)
