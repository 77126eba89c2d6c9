"""Checks what is sent to Locust's /swarm before Locust starts anything: a mistake is answered in words.

Both forms send it: Locust's own, and that of fanout.web, which adds `until`, `setting` and `against`.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Sequence

from flask import Response, g, jsonify, request
from locust.runners import STATE_RUNNING, STATE_SPAWNING
from locust.util.timespan import parse_timespan
from locust.web import WebUI
from werkzeug.datastructures import MultiDict

from fanout.errors import MAX_LINE, FanoutError, Problem, ScenarioError
from fanout.locust_plugin.plan import Plan
from fanout.locust_plugin.session import Session
from fanout.text import printable, shorten
from fanout.web import form, run_list

logger = logging.getLogger("fanout")

SWARM, STOP = "locust.swarm", "locust.stop"
"""The endpoints of /swarm and /stop."""
UNTIL = ("round", "time", "stop")
MOST_SECONDS = 744 * 3600
"""A month."""
NO_SHAPE = "Default"
"""Locust's name for a test without a shape class."""


def check_swarm(web_ui: WebUI, session: Session) -> None:
    """Adds the check to Locust's web UI, and makes /stop end a start, too."""
    assert web_ui.app is not None
    check = web_ui.auth_required_if_enabled(functools.partial(_refusal, web_ui, session))
    cancel = web_ui.auth_required_if_enabled(session.note_stop)

    def before() -> Response | None:
        actions = {SWARM: check, STOP: cancel}
        return actions[request.endpoint]() if request.endpoint in actions else None

    def after(response: Response) -> Response:
        if g.pop("is_prepared", False):
            web_ui._cancel_run_time_timer()  # noqa: SLF001 (it would count the start, and be lost if it fires meanwhile)
            if not (response.get_json(silent=True) or {}).get("success"):
                session.release()  # Locust has refused something else in the form
        return response

    web_ui.app.before_request(before)
    web_ui.app.after_request(after)


def _refusal(web_ui: WebUI, session: Session) -> Response | None:
    """The answer that refuses the form; None if Locust may go on with it."""
    sent = request.form
    if _only_changes_users(session, sent):
        return None
    # With --class-picker, Locust replaces the shape by the one that its own form names.
    has_shape = sent.get("shape_class", NO_SHAPE) != NO_SHAPE if web_ui.userclass_picker_is_active else None
    try:
        session.prepare(_plan(session, sent), has_shape)
        g.is_prepared = True
    except ScenarioError as error:
        problems = form.as_json(error.problems)
        return _refused("; ".join(_line(each["key"], each["message"]) for each in problems), problems)
    except FanoutError as error:
        return _refused(str(error))
    except Exception as error:  # or Locust would answer with a page that no form shows
        logger.exception("internal error:")
        return _refused(f"internal error: {type(error).__name__}")
    return None


def _only_changes_users(session: Session, sent: MultiDict[str, str]) -> bool:
    """Whether Locust's own form asks for another number of users in the run that is in progress."""
    is_running = session.environment.runner is not None and session.environment.runner.state in (
        STATE_RUNNING, STATE_SPAWNING,
    )  # fmt: skip
    return is_running and "until" not in sent and sent.get("scenario", session.plan.file) == session.plan.file


def _plan(session: Session, sent: MultiDict[str, str]) -> Plan:
    """Raises ScenarioError, NoDataError."""
    until = sent.get("until") or ("time" if sent.get("run_time") else "stop")  # Locust's own form has no `until`
    if until not in UNTIL:
        raise _wrong("until", f"{until!r}; allowed: {', '.join(UNTIL)}")
    if "user_count" in sent and (sent.get("user_count", type=int) or 0) < 1:  # with a load shape, it is not sent
        raise _wrong("user_count", f"{sent['user_count']!r}; allowed: a whole number, 1 or more")
    if "spawn_rate" in sent and not 0 < sent.get("spawn_rate", math.nan, type=float) < math.inf:
        raise _wrong("spawn_rate", f"{sent['spawn_rate']!r}; allowed: a number, more than 0")
    against = sent.get("against") or None
    if against is not None:
        run_list.directory_of(session.results, against)  # raises an error if there is no such run
    return Plan(
        file=sent.get("scenario") or session.plan.file,
        settings=form.settings_of(sent.getlist("setting")),
        is_one_round=until == "round",
        run_time_s=_seconds(sent.get("run_time", "")) if until == "time" else None,
        users=sent.get("user_count", type=int),
        spawn_rate=sent.get("spawn_rate", type=float),
        against=against,
    )


def _seconds(run_time: str) -> float:
    try:
        seconds = float(parse_timespan(run_time))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MOST_SECONDS:
        raise _wrong("run_time", f"{run_time!r}; allowed: 20, 20s, 3m, 1h20m and so on, up to 744h")
    return seconds


def _wrong(key: str, message: str) -> ScenarioError:
    return ScenarioError([Problem(form.SOURCE, 0, key, message)])


def _line(key: str, message: str) -> str:
    return f"{key}: {message}" if key else message


def _refused(why: str, problems: Sequence[object] = ()) -> Response:
    """Locust's forms show the message of an answer with status 200."""
    logger.error("not started: %s", printable(shorten(why, MAX_LINE)))
    response: Response = jsonify(success=False, message=why, problems=list(problems))
    return response
