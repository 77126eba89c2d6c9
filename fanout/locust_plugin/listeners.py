"""Listens to Locust's events. Importing this module registers the listeners.

init_command_line_parser   adds fanout's options
init                       checks scenario and options before anything starts; guards the web UI, and adds pages
test_start … test_stop     one LocustRun
quitting                   ends an interrupted run cleanly, and sets the exit code
quit                       prints the report on the run, below Locust's last tables
"""

from __future__ import annotations

import math
import signal
import sys
from typing import Any
from weakref import WeakKeyDictionary

import gevent
import locust.stats
from locust import events
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from fanout.errors import FanoutError
from fanout.locust_plugin.base_session import BaseSession
from fanout.locust_plugin.distributed.forks import forks_are_over, tie_forked_workers
from fanout.locust_plugin.distributed.master_port import explain_taken_port
from fanout.locust_plugin.distributed.worker_session import WorkerSession
from fanout.locust_plugin.guard import guard
from fanout.locust_plugin.options import add_options
from fanout.locust_plugin.session import Session
from fanout.locust_plugin.shape import select_shape, warn_of_ignored
from fanout.locust_plugin.swarm_form import check_swarm
from fanout.locust_plugin.web_pages import add_pages

_sessions: WeakKeyDictionary[Environment, BaseSession] = WeakKeyDictionary()


def session_of(environment: Environment) -> BaseSession:
    """The session that was opened for a Locust environment at `init`."""
    return _sessions[environment]


def bucket_ms(response_time_ms: float) -> float:
    """Locust's histogram buckets, fine enough for adapter latency: 0.1 ms up to 100 ms, then three digits."""
    if response_time_ms < 100:
        return round(response_time_ms, 1)
    return float(round(response_time_ms, 2 - int(math.log10(response_time_ms))))


def _open_session(environment: Environment, **_: Any) -> None:  # noqa: ANN401
    forks_are_over()
    try:
        _sessions[environment] = session = _checked_session(environment)
    except FanoutError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Otherwise Ctrl-C would interrupt any greenlet, such as one that records an outcome, and not the main one.
        gevent.signal_handler(signal.SIGINT, _interrupt, session, gevent.getcurrent(), KeyboardInterrupt())
    gevent.signal_handler(signal.SIGTERM, _interrupt, session, gevent.getcurrent(), None)
    locust.stats.bucket_response_time = bucket_ms  # type: ignore[assignment]
    gevent.get_hub().loop.update_now()  # or --run-time, which Locust starts next, would include the time of imports
    if environment.web_ui is not None:
        guard(environment.web_ui)
        if isinstance(session, Session):
            check_swarm(environment.web_ui, session)
            analyst = add_pages(environment.web_ui, session)
            environment.events.quitting.add_listener(lambda **_: analyst.close())
    environment.events.test_start.add_listener(lambda **_: session.start())
    environment.events.test_stopping.add_listener(lambda **_: session.stop())
    environment.events.test_stop.add_listener(lambda **_: session.finish())
    environment.events.quitting.add_listener(lambda **_: session.quit())
    environment.events.quit.add_listener(lambda **_: session.print_report())


def _interrupt(session: BaseSession, main: Any, otherwise: BaseException | None) -> None:  # noqa: ANN401
    """Ends Locust while it waits for workers or a shape, which it can't do itself; else raises `otherwise` there."""
    if not session.ends_at_signal(main) and otherwise is not None:
        gevent.kill(main, otherwise)


def _checked_session(environment: Environment) -> BaseSession:
    """A session with valid options. Raises FanoutError for others."""
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        return WorkerSession(environment, runner)
    assert isinstance(runner, LocalRunner | MasterRunner)
    session = Session(environment, runner)
    session.check_users()
    select_shape(environment, session.scenario())
    session.gate_options()
    if environment.shape_class is not None and session.options.headless:
        warn_of_ignored(session.options)
    return session


tie_forked_workers()
explain_taken_port()
events.init_command_line_parser.add_listener(add_options)
events.init.add_listener(_open_session)
