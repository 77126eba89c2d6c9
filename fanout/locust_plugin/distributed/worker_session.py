"""The session of a Locust worker, which works for a master: it takes orders, and delivers what comes of them."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import socket
import time
from typing import Any

import gevent
from gevent.event import Event
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.exception import RPCError
from locust.rpc import Message
from locust.runners import WorkerRunner

from fanout import __version__, files
from fanout.errors import ExitCode, FanoutError
from fanout.json_object import JsonObject
from fanout.locust_plugin.base_session import BaseSession
from fanout.locust_plugin.distributed import _link
from fanout.locust_plugin.distributed._channel import CHANNEL
from fanout.locust_plugin.distributed._lines import (
    ClockRead,
    Ended,
    Failed,
    FromWorker,
    Hello,
    NumberGiven,
    Order,
    ReadClock,
    Refused,
    Stop,
    from_master,
    to_line,
)
from fanout.locust_plugin.distributed._link import Link
from fanout.locust_plugin.distributed._networks import network_here
from fanout.locust_plugin.distributed.crew import FAMILY, TICK_S
from fanout.locust_plugin.distributed.worker_run import OTHER_FOLDER, TEMPORARY, WorkerRun
from fanout.locust_plugin.roster import Roster
from fanout.runs import environment as machines

logger = logging.getLogger("fanout")

ORDER_S = 30
"""How long a user waits for the order to its run."""
END_S = 60
"""More than a run needs to end when nothing is in flight."""
ALONE_S = 30
"""A master that has been silent for so long is gone. Locust waits a minute for it."""
DELIVER_S = 5
"""How long this process waits at its end for the master to acknowledge what it has reported."""


class WorkerSession(BaseSession):
    def __init__(self, environment: Environment, runner: WorkerRunner) -> None:
        super().__init__(environment)
        self.run: WorkerRun | None = None
        self.exit_code: int | None = None
        self._runner = runner
        self._is_refused = self._gives_up = False
        self._has_run = Event()
        self._over = Event()
        """Set while Locust wants no users."""
        with files.writing(TEMPORARY, OTHER_FOLDER):
            self._link = Link(self._send, self._hear)
        runner.register_message(CHANNEL, self._take)
        self._tell(_hello(environment.parsed_options or argparse.Namespace()))
        gevent.spawn(self._tick)

    def _tick(self) -> None:
        try:
            while True:
                self._link.tick(time.monotonic())
                gevent.sleep(TICK_S)
        except OSError as error:
            self._give_up(f"what is to be reported can't be read again: {error.strerror}")

    def _send(self, message: _link.Message) -> None:
        try:
            self._runner.send_message(CHANNEL, message)
        except RPCError as error:  # the link sends it again
            logger.debug("the master: %s", error)

    def _tell(self, said: FromWorker, *, is_urgent: bool = True) -> None:
        try:
            with files.writing(TEMPORARY, OTHER_FOLDER):
                self._link.post(to_line(said), is_urgent=is_urgent)
        except FanoutError as error:
            self._give_up(str(error))

    def _take(self, environment: Environment, msg: Message) -> None:
        try:
            self._link.take(msg.data)
        except ValueError as error:
            self._give_up(f"the master sent what can't be read: {error}")

    def _hear(self, line: JsonObject) -> None:
        match from_master(line):
            case ReadClock(sent):
                self._tell(ClockRead(sent, time.time()))
            case NumberGiven(number) if self.run is not None:
                self.run.take_number(number)
            case Order() as order:
                self._begin(order)
            case Stop(drain_s) if self.run is not None:
                gevent.spawn(self._end, self.run, drain_s, is_early=False)
            case Refused(why):
                self._is_refused = True
                self._give_up(f"the master refuses this worker: {why}")

    def _give_up(self, why: str) -> None:
        """Ends this process."""
        if not self._gives_up:
            self._gives_up = True
            logger.error("%s", why)
            gevent.spawn(self._runner.quit)

    def _begin(self, order: Order) -> None:
        if self.run is not None:  # the master has waited in vain for the end of this one
            gevent.spawn(self.run.close)
            self._forget_run()

        def tell(said: FromWorker, *, is_urgent: bool = True) -> None:
            if self.run in (None, run):  # nothing about an earlier run follows the beginning of the next
                self._tell(said, is_urgent=is_urgent)

        run: WorkerRun | None = None
        try:
            self.run = run = WorkerRun(self.environment, order, self.users, tell)
            self._has_run.set()
        except FanoutError as error:
            self._fail(str(error))
        except Exception as error:  # or the master would wait for this worker forever
            logger.exception("internal error:")
            self._fail(f"the run could not begin: {type(error).__name__}: {error}")

    def _fail(self, why: str) -> None:
        """Reports a run that could not begin."""
        self._tell(Failed(why))
        self._tell(Ended(is_early=True))

    def _forget_run(self) -> None:
        self.run = None
        self.users = Roster()
        self._has_run.clear()

    def _end(self, run: WorkerRun, drain_s: float, *, is_early: bool) -> None:
        """Ends a run; returns when it is reported. It may be called again, to shorten the time."""
        is_first = not run.stopping.is_set()
        run.drain(drain_s)
        if not is_first:
            run.finished.wait(END_S)
            return
        self._report_statistics()
        run.finish(is_early=is_early)
        if self.run is run:
            self._forget_run()

    def _report_statistics(self) -> None:
        """Sends what Locust has counted since its last report, which would come too late for the run's files."""
        data: dict[str, Any] = {}
        self.environment.events.report_to_master.fire(client_id=self._runner.client_id, data=data)
        with contextlib.suppress(RPCError):  # they are Locust's own, and not worth the end of the run
            self._runner.send_message("stats", data)

    @property
    def ends_by_itself(self) -> bool:
        return self.run is not None and self.run.is_one_round

    def _run_of_users(self) -> WorkerRun | None:
        gevent.wait([self._has_run, self._over], timeout=ORDER_S, count=1)
        return self.run

    def _await_begin(self) -> None:
        """A worker's users begin when they are ready."""

    def start(self) -> None:
        self._over.clear()

    def stop(self) -> None:
        """Ends the run, unless the master has."""
        self._over.set()
        if self.run is not None:
            self._end(self.run, self.environment.stop_timeout or 0, is_early=True)

    def finish(self) -> None:
        self.environment.stop_timeout = 0  # which Locust would wait for now, although all users have ended

    def quit(self) -> None:
        """Ends the run, delivers what is left, and sets the exit code, when Locust is about to exit."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # another Ctrl-C would interrupt the end, which is bounded
        self._over.set()
        if self.run is not None:
            self._end(self.run, 0, is_early=True)
        deadline = time.monotonic() + DELIVER_S
        while self._link.unacknowledged and not self._gives_up and time.monotonic() < deadline:
            gevent.sleep(TICK_S)
        self.environment.process_exit_code = self.exit_code = self._exit_code()

    def _exit_code(self) -> ExitCode:
        if self._is_refused:
            return ExitCode.WRONG_USAGE
        last = self._runner.last_heartbeat_timestamp
        if last is not None and time.time() - last > ALONE_S:
            logger.error("the master is gone: nothing was heard of it for %d s", time.time() - last)
            return ExitCode.NO_DATA
        if missing := self._link.unacknowledged:
            logger.error("the master has not acknowledged the last %d lines of this worker's reports", missing)
        return ExitCode.NO_DATA if missing or self._gives_up else ExitCode.PASSED

    def print_report(self) -> None:
        """The master has the report."""


def _hello(options: argparse.Namespace) -> Hello:
    is_forked = bool(getattr(options, "processes", None)) and not get_parser().parse_args().worker
    return Hello(
        fanout=__version__,
        host=socket.gethostname(),
        pid=os.getpid(),
        machine=machines.machine(),
        network=network_here(),
        family=FAMILY if is_forked else None,
    )
