"""Checks what is sent to Locust's /swarm before Locust starts anything: a mistake is answered in words.

Both forms send it: Locust's own, and that of fanout.web, which adds `until`, `setting` and `against`.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence

from flask import Response, g, jsonify, request
from locust.runners import STATE_RUNNING, STATE_SPAWNING
from locust.web import WebUI
from werkzeug.datastructures import MultiDict

from fanout.errors import MAX_LINE, FanoutError, Problem, ScenarioError
from fanout.locust_plugin.plan import Plan
from fanout.locust_plugin.session import Session
from fanout.text import printable, shorten
from fanout.web import form, run_list

logger = logging.getLogger("fanout")

SWARM = "locust.swarm"
"""The endpoint of /swarm."""
UNTIL = {"round": "after one round of all questions", "time": "after a time", "stop": "when it is stopped"}


def check_swarm(web_ui: WebUI, session: Session) -> None:
    """Adds the check to Locust's web UI."""
    assert web_ui.app is not None
    check = web_ui.auth_required_if_enabled(functools.partial(_refusal, session))

    def release(response: Response) -> Response:
        if g.pop("is_prepared", False) and not (response.get_json(silent=True) or {}).get("success"):
            session.release()  # Locust has refused something else in the form
        return response

    web_ui.app.before_request(lambda: check() if request.endpoint == SWARM else None)
    web_ui.app.after_request(release)


def _refusal(session: Session) -> Response | None:
    """The answer that refuses the form; None if Locust may go on with it."""
    sent = request.form
    if _only_changes_users(session, sent):
        return None
    try:
        session.prepare(_plan(session, sent), sent.get("user_count", type=int))
        g.is_prepared = True
    except ScenarioError as error:
        problems = form.as_json(error.problems)
        return _refused("; ".join(_line(each["key"], each["message"]) for each in problems), problems)
    except FanoutError as error:
        return _refused(str(error))
    return None


def _only_changes_users(session: Session, sent: MultiDict[str, str]) -> bool:
    """Whether Locust's own form asks for another number of users in the run that is in progress."""
    is_running = session.environment.runner is not None and session.environment.runner.state in (
        STATE_RUNNING, STATE_SPAWNING,
    )  # fmt: skip
    return is_running and "until" not in sent and sent.get("scenario", session.plan.file) == session.plan.file


def _plan(session: Session, sent: MultiDict[str, str]) -> Plan:
    """Raises ScenarioError, NoDataError."""
    file = sent.get("scenario") or session.plan.file
    if (until := sent.get("until")) is None:
        return Plan(file)
    if until not in UNTIL:
        raise _wrong("until", f"{until!r}; allowed: {', '.join(UNTIL)}")
    if until == "time" and not sent.get("run_time"):
        raise _wrong("run_time", "is missing; allowed: 20, 20s, 3m, 1h20m and so on")
    if "user_count" in sent and (sent.get("user_count", type=int) or 0) < 1:  # with a load shape, it is not sent
        raise _wrong("user_count", f"{sent['user_count']!r}; allowed: a whole number, 1 or more")
    words = f"after {sent['run_time']}" if until == "time" else UNTIL[until]
    against = sent.get("against") or None
    if against is not None:
        run_list.directory_of(session.results, against)  # raises an error if there is no such run
    return Plan(file, form.settings_of(sent.getlist("setting")), until == "round", words, against)


def _wrong(key: str, message: str) -> ScenarioError:
    return ScenarioError([Problem(form.SOURCE, 0, key, message)])


def _line(key: str, message: str) -> str:
    return f"{key}: {message}" if key else message


def _refused(why: str, problems: Sequence[object] = ()) -> Response:
    """Locust's forms show the message of an answer with status 200."""
    logger.error("not started: %s", printable(shorten(why, MAX_LINE)))
    response: Response = jsonify(success=False, message=why, problems=list(problems))
    return response
