"""The pages besides Locust's own, as a Flask blueprint: start, live, runs and comparison. No route changes anything.

A run is started and stopped through Locust's own routes, /swarm and /stop.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from flask import Blueprint, Response, render_template, request, send_file

from fanout import __version__
from fanout.errors import FanoutError, NoDataError
from fanout.json_object import JsonObject
from fanout.paths import shown
from fanout.phases import MEANINGS, PHASE_COLOURS, PHASES
from fanout.runs.info import read_run_info
from fanout.runs.schema import RunInfo
from fanout.runs.writer import QUESTIONS_FILE, SCENARIO_FILE
from fanout.web import form, run_list
from fanout.web.analyst import Analyst
from fanout.web.live import LiveRun
from fanout.web.live_advice import LiveAdvice
from fanout.web.scenario_list import Choice, choices, question_of

logger = logging.getLogger("fanout")

State = Literal["idle", "starting", "running", "ending", "ended"]
"""`idle` is before the first run."""
NAME = "fanout"
PREFIX = "/fanout"
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
"""The content security policy of every page: it runs no script but ours, and loads nothing from elsewhere."""
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
)
"""That of a report, which is one file without scripts."""

View = Callable[[], Any]


class Lab(Protocol):
    """What the pages need to know of the process that makes the runs."""

    @property
    def results(self) -> Path:
        """The directory of the run directories."""

    @property
    def state(self) -> State: ...

    @property
    def message(self) -> str | None:
        """Why the last run could not be started, or was cut short; None if there is nothing to say."""

    @property
    def run(self) -> LiveRun | None:
        """The current run, or the last one."""

    @property
    def file(self) -> str:
        """The scenario file that the form suggests."""

    @property
    def users(self) -> int:
        """How many users the form suggests."""


def blueprint(lab: Lab, analyst: Analyst, base: str, protect: Callable[[View], View]) -> Blueprint:
    """The pages below the path `base`. `protect` is a decorator that lets only logged-in users call a view."""
    pages = Blueprint(
        NAME, __name__, url_prefix=base or None, template_folder="templates", static_folder="assets",
        static_url_path=f"{PREFIX}/assets",
    )  # fmt: skip
    views = Views(lab, analyst, base)
    routes: dict[str, View] = {
        "start": views.start,
        "live": views.live,
        "runs": views.runs,
        "compare": views.compare,
        "report": views.report,
        "csv": views.csv,
        "scenario.json": views.scenario_json,
        "live.json": views.live_json,
        "runs.json": views.runs_json,
        "compare.json": views.compare_json,
    }
    for name, view in routes.items():
        pages.add_url_rule(f"{PREFIX}/{name}", name.replace(".", "_"), protect(_in_words(view, base)))
    pages.after_request(_closed)
    return pages


def _in_words(view: View, base: str) -> View:
    """The view, which answers an error in words. Locust would put the error into a page of HTML, as it is."""

    @functools.wraps(view)
    def answer() -> Any:  # noqa: ANN401
        try:
            return view()
        except FanoutError as error:
            return _refused(str(error), 404 if isinstance(error, NoDataError) else 503, base)
        except Exception as error:
            logger.exception("internal error:")
            return _refused(f"internal error: {type(error).__name__}", 500, base)

    return answer


def _refused(why: str, status: int, base: str) -> tuple[Response, int]:
    if request.path.endswith(".json"):
        return _json({"message": why}), status
    page = render_template("fanout/error.html", page="error", base=base, data={}, why=why, version=__version__)
    return Response(page), status


def _json(found: JsonObject) -> Response:
    """Without the indents of Flask's jsonify() in debug mode, which Locust sets: they would double its size."""
    return Response(json.dumps(found), mimetype="application/json")


def _closed(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    # A page, and what is typed into its form, is there again when its reader goes back.
    response.headers.setdefault("Cache-Control", "no-cache" if response.mimetype == "text/html" else "no-store")
    return response


def _load_of(info: RunInfo) -> JsonObject:
    """The load of a run, for the form: as it was asked for, or, for a run of the command line, as it seems."""
    asked, users = info.form, len(info.coordinators) or 1
    if asked is None:
        return {"users": users, "until": "round" if info.ended_by == "rounds_done" else "stop"}
    until = "round" if asked.is_one_round else "stop" if asked.run_time_s is None else "time"
    run_time = None if asked.run_time_s is None else f"{asked.run_time_s:g}s"
    return {"users": asked.users or users, "spawn_rate": asked.spawn_rate, "until": until, "run_time": run_time}


def _picked(file: str, listed: Sequence[Choice]) -> JsonObject:
    """A scenario of the list. Raises NoDataError for another file."""
    found = next((choice for choice in listed if choice.file == file), None)
    if found is None:
        raise NoDataError("this scenario is not in the list: reload the page")
    return form.picked(file, found.name, found.question)


class Views:
    """One method for each route."""

    def __init__(self, lab: Lab, analyst: Analyst, base: str) -> None:
        self._lab = lab
        self._analyst = analyst
        self._base = base
        self._advice = LiveAdvice(analyst)

    def _page(self, name: str, **data: Any) -> str:  # noqa: ANN401
        return render_template(f"fanout/{name}.html", page=name, base=self._base, data=data, version=__version__)

    def start(self) -> str:
        run_id = request.args.get("run")
        info = read_run_info(self._directory(run_id)) if run_id else None
        listed = self._choices()
        return self._page(
            "start",
            scenarios=[choice.to_json() for choice in listed],
            fields=[field.to_json() for field in form.FIELDS],
            picked=self._picked_run(run_id) if run_id else _picked(self._suggested, listed),
            load=_load_of(info) if info else {"users": self._lab.users},
            set=self._changes(),
            against={"id": run_id, "label": run_id} if run_id else None,
            state=self._lab.state,
        )

    def _choices(self) -> list[Choice]:
        return choices([self._lab.file])

    @property
    def _suggested(self) -> str:
        return shown(Path(self._lab.file))

    def _picked_run(self, run_id: str) -> JsonObject:
        file = self._directory(run_id) / SCENARIO_FILE
        found = form.picked(shown(file), run_id, "")
        return {**found, "name": f"{found['name']}, as in {run_id}", "question": question_of(file, found["name"])}

    def _changes(self) -> dict[str, str]:
        """The changes that a link asks to be filled in, as texts; they are checked when the run is started."""
        found = {}
        for text in request.args.getlist("set"):
            key, _, value = text.partition("=")
            found[key] = value
        return found

    def scenario_json(self) -> Response:
        return _json(_picked(request.args.get("file", ""), self._choices()))

    def live(self) -> str:
        phases = [{"name": name, "colour": PHASE_COLOURS[name], "meaning": MEANINGS[name]} for name in PHASES]
        return self._page("live", phases=phases)

    def live_json(self) -> Response:
        lab, run = self._lab, self._lab.run
        found: JsonObject = {"state": lab.state, "message": lab.message, "run": None}
        if run is not None:
            found |= run.to_json(request.args.get("view", ""), request.args.get("since", ""))
            found |= self._advice.on(run)
        return _json(found)

    def runs(self) -> str:
        return self._page("runs", most=run_list.MOST_RUNS)

    def runs_json(self) -> Response:
        page = run_list.page_of(self._lab.results, request.args.get("before") or None)
        rows = self._analyst.overview([self._directory(run_id) for run_id in page.ids])["rows"]
        found = [{**row, "id": run_id} for run_id, row in zip(page.ids, rows, strict=True)]
        for row in found:
            if self._lab.run is not None and row["id"] == self._lab.run.about.id and not self._lab.run.is_complete:
                row["problem"] = "this run is in progress"
        return _json({"runs": found, "next": page.next_id})

    def compare(self) -> str:
        return self._page("compare", runs=self._run_ids(2))

    def compare_json(self) -> Response:
        ids = self._run_ids(2)
        found = self._analyst.compare([self._directory(run_id) for run_id in ids])
        advice = [{**each, "run": ids[each["run"]]} for each in found["advice"]]
        return _json({**found, "advice": advice, "runs": [ids[place] for place in found["runs"]]})

    def report(self) -> Response:
        html = self._analyst.report([self._directory(run_id) for run_id in self._run_ids(1)])
        return Response(html, headers={"Content-Security-Policy": REPORT_POLICY})

    def csv(self) -> Response:
        (run_id,) = self._run_ids(1)[:1]
        file = self._directory(run_id) / QUESTIONS_FILE
        if file.is_symlink() or not file.is_file():
            raise NoDataError(f"the run {run_id} has no {QUESTIONS_FILE}")
        name = f"{run_id.replace('/', '-')}-{QUESTIONS_FILE}"
        return send_file(file.resolve(), mimetype="text/csv", as_attachment=True, download_name=name, max_age=0)

    def _run_ids(self, least: int) -> list[str]:
        """The runs that the request names, each once."""
        ids = list(dict.fromkeys(request.args.getlist("run")))
        if not least <= len(ids) <= run_list.MOST_RUNS:
            raise NoDataError(f"{len(ids)} runs are named; allowed: {least} to {run_list.MOST_RUNS} different ones")
        return ids

    def _directory(self, run_id: str) -> Path:
        return run_list.directory_of(self._lab.results, run_id)
