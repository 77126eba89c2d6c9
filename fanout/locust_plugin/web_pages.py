"""Puts the pages of fanout.web into Locust's web UI, which opens with them; Locust's own page moves to /locust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import redirect, render_template, url_for
from locust.web import WebUI
from werkzeug import Response

from fanout.locust_plugin.session import Session
from fanout.web.analyst import Analyst
from fanout.web.live import LiveRun
from fanout.web.pages import NAME, State, blueprint

INDEX = "locust.index"
"""The endpoint of Locust's own page."""


def add_pages(web_ui: WebUI, session: Session) -> Analyst:
    """Adds the pages. The caller closes the analyst, which reads stored runs for them."""
    assert web_ui.app is not None
    app, base = web_ui.app, web_ui.app.blueprints["locust"].url_prefix or ""
    analyst, protect = Analyst(), web_ui.auth_required_if_enabled
    pages = blueprint(SessionLab(session), analyst, base, protect)
    locusts_own = app.view_functions[INDEX]

    def start() -> Response:
        return redirect(url_for(f"{NAME}.start"))

    def own_page() -> Any:  # noqa: ANN401
        page = locusts_own()
        bar = render_template("fanout/bar.html", base=base)
        return page.replace("<body>", f"<body>{bar}", 1) if isinstance(page, str) else page

    app.register_blueprint(pages)
    app.view_functions[INDEX] = protect(start)  # type: ignore[no-untyped-call]
    app.add_url_rule(f"{base}/locust", "locust_page", own_page)
    return analyst


class SessionLab:
    """What the pages need to know of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def results(self) -> Path:
        return self._session.results

    @property
    def state(self) -> State:
        session = self._session
        if session.is_starting:
            return "starting"
        if session.run is not None and not session.run.stopping.is_set():
            return "running"
        if not session.is_at_rest:
            return "ending"
        return "idle" if session.live is None and session.message is None else "ended"

    @property
    def message(self) -> str | None:
        live = self._session.live
        return self._session.message or (None if live is None else live.warning)

    @property
    def run(self) -> LiveRun | None:
        return self._session.live

    @property
    def file(self) -> str:
        file = self._session.plan.file
        is_of_a_run = Path(file).resolve().is_relative_to(self.results.resolve())
        return self._session.options.scenario if is_of_a_run else file

    @property
    def users(self) -> int:
        return max(getattr(self._session.options, "num_users", None) or 1, 1)
