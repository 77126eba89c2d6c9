"""Begins and ends the runs of one Locust process, one after another, and sets Locust's exit code."""

from __future__ import annotations

import argparse
import contextlib
import logging
import math
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import locust.stats
from gevent import Greenlet, GreenletExit
from gevent.event import Event
from locust import LoadTestShape
from locust.env import Environment
from locust.runners import STATE_RUNNING, LocalRunner, MasterRunner

from fanout.errors import CouldNotRunError, ExitCode, FanoutError, UsageError
from fanout.locust_plugin.base_session import BaseSession
from fanout.locust_plugin.capacity import check_machine
from fanout.locust_plugin.distributed.crew import Crew
from fanout.locust_plugin.distributed.master_run import MasterRun
from fanout.locust_plugin.gate_options import GateOptions
from fanout.locust_plugin.local_run import LocalRun
from fanout.locust_plugin.options import DEFAULT_SCENARIO
from fanout.locust_plugin.parent import Parent
from fanout.locust_plugin.plan import Plan
from fanout.locust_plugin.roster import Roster
from fanout.locust_plugin.shape import ScenarioShape, check_shape, select_shape
from fanout.processes.locust_process import RESULTS_VARIABLE
from fanout.runs.writer import new_run_dir
from fanout.scenario import Scenario
from fanout.scenario.remote_agents import Load, announced_by_users
from fanout.web.live import About, LiveRun

logger = logging.getLogger("fanout")

RESULTS = Path("results")
POLL_S = 0.1
START_S = 10
"""More than Locust needs to begin the start of a run."""
END_S = 60
"""More than a run needs to complete when nothing is in flight."""


class Session(BaseSession):
    """Owns the current run, if any: start() makes it, stop() ends its work, finish() completes it.

    Locust may call each of them from several greenlets, before another has returned: for a second stop, for Ctrl-C
    during a stop, or for a start during an end.
    """

    def __init__(self, environment: Environment, runner: LocalRunner | MasterRunner) -> None:
        super().__init__(environment)
        self.options: Any = environment.parsed_options or argparse.Namespace()
        """The options of the command line, which the web UI can't change."""
        # The web UI's /swarm can set every option, even hidden ones such as the files that are written at the end.
        environment.parsed_options = argparse.Namespace(**vars(self.options))
        self.run: LocalRun | MasterRun | None = None
        """The current run."""
        self._runner: LocalRunner | MasterRunner = runner
        self._crew = Crew(environment, runner) if isinstance(runner, MasterRunner) else None
        self._parent = Parent()
        self.exit_code: int | None = None
        self.message: str | None = None
        """Why the last run could not be started, or was cut short."""
        self.live: LiveRun | None = None
        """What the web UI shows of the current run, or of the last one; None while one is being started."""
        self._plan: Plan | None = None
        """What a form of the web UI has asked for last, and was accepted; None before that."""
        self._before: tuple[Plan | None, LoadTestShape | None] = (None, None)
        """The plan and the shape before that."""
        self._reserved_until_s = 0.0
        """Until when the start of the run is awaited that a form has asked for, by time.monotonic()."""
        self._last: About | None = None
        """The last run."""
        self._report = ""
        """The report on the last run, if it is not printed yet."""
        self.results = Path(os.environ.get(RESULTS_VARIABLE) or RESULTS)
        """The directory of new run directories."""
        self._starter: Greenlet | None = None
        """The greenlet that is starting a run, if any."""
        self._dispatching: Greenlet | None = None
        """The greenlet in which Locust has started the last run."""
        self._is_interrupted = False
        self._at_rest = Event()
        """Set while there is no run, and none is being completed."""
        self._at_rest.set()

    @property
    def plan(self) -> Plan:
        """What the current or the next run does."""
        if self._plan is not None:
            return self._plan
        file = getattr(self.environment.parsed_options, "scenario", "") or DEFAULT_SCENARIO
        run_time_s, has_shape = self.options.run_time or None, self.environment.shape_class is not None
        is_one_round = self.options.headless and not run_time_s and not has_shape
        return Plan(file, is_one_round=is_one_round, run_time_s=run_time_s, has_shape=has_shape)

    def scenario(self) -> Scenario:
        """The scenario that the command line or the web UI names. Raises UsageError, CouldNotRunError."""
        return self.plan.scenario()

    def gate_options(self) -> GateOptions:
        """Raises UsageError, NoDataError."""
        options = self.options
        return GateOptions.parse(
            options.gate or [], options.baseline, options.junit, RESULTS,
            strict=options.strict_gates, error_exit_code=options.exit_code_on_error,
        )  # fmt: skip

    @property
    def ends_by_itself(self) -> bool:
        return self.plan.is_one_round

    def check_users(self) -> None:
        """Raises UsageError if a headless test would wait forever for its first user."""
        users = getattr(self.options, "num_users", None)  # an Environment made in Python may lack it
        if self.options.headless and users is not None and users < 1:
            raise UsageError(f"--users {users}: allowed: 1 or more")

    def prepare(self, plan: Plan, has_shape: bool | None = None) -> None:
        """Makes sure that a run can be started now, and begins to wait for its start.

        `has_shape` is whether Locust will follow a shape class of its own choice; None if it keeps the current one.
        Raises UsageError while another run is being started or is in progress, and for what can't be run.
        """
        if self.run is not None and not self.run.stopping.is_set():
            raise UsageError("a run is in progress: stop it first")
        self._await_rest()
        if self.is_starting:
            raise UsageError("a run is being started already: wait for it, or stop it")
        if isinstance(self._runner, MasterRunner) and not self._runner.worker_count:
            raise CouldNotRunError("no Locust worker is connected: start one with locust --worker")
        scenario = plan.scenario()
        check_machine(self._runner, scenario, scenario.shape.most_users if scenario.shape else plan.users or 1)
        if has_shape is not None and scenario.shape is not None:
            raise UsageError(f"shape: {scenario.shape.kind} can't be followed with --class-picker; allowed: without it")
        before = self._plan, self.environment.shape_class
        select_shape(self.environment, scenario)
        if has_shape is None:
            has_shape = self.environment.shape_class is not None
        if has_shape:
            plan = replace(plan, is_one_round=False, run_time_s=None, has_shape=True)
        self._before, self._plan, self._reserved_until_s = before, plan, time.monotonic() + START_S

    def release(self) -> None:
        """Forgets the plan, whose start Locust has refused."""
        self._plan, self.environment.shape_class = self._before
        self._reserved_until_s = 0.0

    def note_stop(self) -> None:
        """Call it when somebody stops the test. Ends the start of a run: Locust ends only that of its first test."""
        self._reserved_until_s = 0.0
        if self.run is not None and self.run.live is not None and not self.run.stopping.is_set():
            plan = self.plan
            self.run.live.is_cut_short = plan.has_shape or plan.is_one_round or plan.run_time_s is not None
        if self._starter is None:
            return
        if self._runner.shape_greenlet is not None:  # it would start the test again
            self._runner.shape_greenlet.kill()
            self._runner.shape_greenlet = self._runner.shape_last_tick = None
        self.message = "the run was stopped while its agents were starting"
        self._starter.kill()

    @property
    def is_starting(self) -> bool:
        return self._starter is not None or time.monotonic() < self._reserved_until_s

    def _await_rest(self) -> None:
        if not self._at_rest.wait(END_S):
            raise CouldNotRunError("the previous run has not ended: end Locust, and start it again")

    @property
    def is_at_rest(self) -> bool:
        """Whether there is no run, and none is being completed."""
        return bool(self._at_rest.is_set())

    def start(self) -> None:
        """Begins a run. If that fails, the test ends immediately."""
        self._starter = self._dispatching = gevent.getcurrent()
        self._reserved_until_s, self.message = 0.0, None
        if self.live is not None:
            self._last, self.live = self.live.about, None
        shape = self.environment.shape_class
        if isinstance(shape, ScenarioShape):
            shape.await_begin()
        try:
            with contextlib.nullcontext() if self._crew is None else self._crew.starting():
                self._begin_run()
                if isinstance(shape, ScenarioShape):
                    shape.begin()
        except FanoutError as error:
            self._give_up(error)
        except GreenletExit:
            why = ": --run-time includes that, so give it longer" if self.options.run_time else ""
            logger.warning("the run was stopped while its agents were starting%s", why)
            raise
        except Exception as error:  # Locust would print it, and continue forever without a run
            logger.exception("internal error:")
            self._give_up(CouldNotRunError(f"the run could not begin: {type(error).__name__}: {error}"))
        finally:
            self._starter = None

    def _begin_run(self) -> None:
        self._await_rest()
        self.users = Roster()
        scenario = self.scenario()
        check_shape(self.environment, scenario)
        check_machine(self._runner, scenario, self._most_users(scenario))
        named = self.options.run_dir
        directory = Path(named) if named else new_run_dir(self.results, scenario.name)
        self._announce(scenario)
        self.run = self._new_run(scenario, directory)
        self.live = self.run.live
        self._at_rest.clear()
        gevent.spawn(self._watch, self.run)

    def _most_users(self, scenario: Scenario) -> int:
        return self._runner.target_user_count if scenario.shape is None else scenario.shape.most_users

    def _new_run(self, scenario: Scenario, directory: Path) -> LocalRun | MasterRun:
        environment, options = self.environment, self.gate_options()
        plan, about = self.plan, None
        if plan.against is None and self._last is not None and self._last.scenario.name == scenario.name:
            plan = replace(plan, against=self._last.id)
        if environment.web_ui is not None:
            about = plan.about(scenario, directory, self.results, is_here=self._crew is None)
        if self._crew is None:
            return LocalRun(environment, scenario, directory, options, about)
        return MasterRun(
            environment, scenario, directory, options, about, crew=self._crew, is_one_round=self.ends_by_itself
        )

    def _announce(self, scenario: Scenario) -> None:
        """Logs what the run sends to other machines, if anything."""
        users = None if self.environment.shape_class else self._runner.target_user_count
        load = Load(scenario.agents, scenario.questions)
        if said := announced_by_users(load, users, rounds_go_on=not self.ends_by_itself):
            logger.warning("%s", said)  # or --loglevel WARNING would hide it

    def _give_up(self, error: FanoutError) -> None:
        """Ends the test without a run; the web UI shows why under Exceptions."""
        self.exit_code = error.exit_code
        self.message = str(error)
        logger.error("%s", error)
        self._runner.log_exception("local", str(error), str(error))
        gevent.spawn(self._end_test)  # which also ends this greenlet

    def _watch(self, run: LocalRun | MasterRun) -> None:
        """Ends the test when the run can't continue, when its time is over, or when all users have done their round."""
        limit_s = math.inf if self._plan is None else self._plan.run_time_s or math.inf  # Locust has the command line's
        until_s = time.monotonic() + limit_s
        while not run.stopping.wait(POLL_S):
            if time.monotonic() > until_s:
                break
            if run.agents.gone:
                run.fail(CouldNotRunError(f"the fleet of agents died{run.agents.last_words}"))
            if isinstance(run, MasterRun) and run.none_left:
                run.fail(CouldNotRunError("no Locust worker is left"))
            if run.failure is not None:
                break
            if self.ends_by_itself and self._runner.state == STATE_RUNNING and self._all_done(run):
                run.ended_by = "rounds_done"
                break
        else:
            return  # something else has ended it
        self._end_test()

    def _end_test(self) -> None:
        if self._crew is not None and self._dispatching is not None:
            self._dispatching.kill()  # a master would go on giving users to its workers, and then be running again
            self._crew.stop_moving()
        if self.options.headless:
            self._runner.quit()
        else:
            self._runner.stop()

    def _all_done(self, run: LocalRun | MasterRun) -> bool:
        return self.users.all_done if isinstance(run, LocalRun) else run.all_done

    def _run_of_users(self) -> LocalRun | None:
        return self.run if isinstance(self.run, LocalRun) else None

    def _await_begin(self) -> None:
        self._parent.await_begin()

    def stop(self) -> None:
        """Ends the work of the run, when Locust begins to end the test."""
        self._parent.wait_no_longer()
        run = self.run
        if run is None:
            return
        drain_s = 0 if run.ended_by == "interrupted" else self.environment.stop_timeout or 0
        if run.stopping.is_set():  # a second stop, or an interrupt: Locust's users allow only one
            self._at_rest.wait(drain_s + END_S)
        else:
            run.drain(drain_s)

    def finish(self) -> None:
        """Completes the run, when Locust has ended the test."""
        run, self.run = self.run, None  # so that one greenlet finishes it
        if run is None:
            return
        try:
            run.finish()
        finally:
            self.exit_code = run.exit_code
            self._report = run.report
            self.message = None if run.failure is None else str(run.failure)
            self._at_rest.set()
        if not self.options.headless:
            self.print_report()
        elif isinstance(run, MasterRun):
            gevent.spawn(self._runner.quit)  # if the last worker has quit, Locust only stops the test

    def print_report(self) -> None:
        """Prints the report on the last run once, where Locust prints its tables."""
        if self._report:
            locust.stats.console_logger.info("%s\n", self._report)
        self._report = ""

    def quit(self) -> None:
        """Ends the current run cleanly, if any, and sets the exit code, when Locust is about to exit."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # another Ctrl-C would interrupt the end, which is bounded
        interrupted = self._is_interrupted or self.run is not None or self._starter is not None
        self._interrupt_work()
        if not self._at_rest.wait(END_S):  # another greenlet may be completing the run
            self.finish()
        if interrupted:
            self.exit_code = ExitCode.INTERRUPTED
        if self.options.csv_prefix:
            # Locust writes its CSV rows once a second, and not at the end.
            gevent.sleep(locust.stats.CSV_STATS_INTERVAL_SEC + 0.2)
        if self.exit_code is None and self.options.headless:
            self.exit_code = ExitCode.NO_DATA
        if self.exit_code is not None:
            self.environment.process_exit_code = self.exit_code

    def ends_at_signal(self, main: Greenlet) -> bool:
        """Ends a headless test that follows a shape, and a headless master that waits for more workers."""
        if not self.options.headless:
            return False
        if self._crew is not None and self._dispatching is None:
            self._runner.quit()  # which sends the workers away
            gevent.kill(main, SystemExit(ExitCode.INTERRUPTED))
        elif self._runner.shape_greenlet is None:
            return False
        elif not self._is_interrupted:
            self._is_interrupted = True
            gevent.spawn(self._end_interrupted)
        return True

    def _end_interrupted(self) -> None:
        self._interrupt_work()
        self._runner.quit()

    def _interrupt_work(self) -> None:
        """Ends the start of a run, or the run, if there is one."""
        if self._starter is not None:
            self._starter.kill()
        if self.run is not None:
            self._interrupt(self.run)

    def _interrupt(self, run: LocalRun | MasterRun) -> None:
        run.ended_by = "interrupted"
        self.environment.stop_timeout = 0  # users get no time either
        if run.stopping.is_set():
            run.drain(0)  # then the greenlet that is stopping it continues
        else:
            self._runner.stop()
