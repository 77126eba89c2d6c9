"""Several runs side by side, exactly as `fanout compare` shows them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fanout.analysis.compare import Row
from fanout.analysis.gate_results import judge
from fanout.analysis.settings import differing, settings_of
from fanout.analysis.sources import Source, read_places
from fanout.errors import NoDataError, UsageError
from fanout.files import exists
from fanout.json_object import JsonObject
from fanout.report import Report, comparison_of, render, with_gates
from fanout.runs.writer import RUN_FILE
from fanout.scenario import flow_text
from fanout.text import shorten
from fanout.web.analysis_process._advice import changes_of

ABSENT = "–"
MAX_VALUE = 200
"""The longest value shown, in characters: a list of addresses may have 4096."""


def comparison_of_runs(directories: Sequence[Path]) -> JsonObject:
    """The comparison with the first run. `runs` and `run` are positions in `directories`. Raises NoDataError."""
    sources = _read(directories, metrics=())  # large runs don't stay in memory as a whole
    if len(sources) < 2:
        raise UsageError("name two runs or more, each once")
    report = _judged(sources)
    position = {directory.resolve(): number for number, directory in reversed(list(enumerate(directories)))}
    place_of = {row.label: position[Path(row.repeats.runs[0].source).resolve()] for row in report.rows}
    return {
        "verdicts": list(report.verdicts),
        "passed": report.passed,
        "differing": differing_values(report.rows),
        "labels": list(place_of),
        "runs": list(place_of.values()),
        "tables": [asdict(table.grid) for table in report.tables],
        "notes": list(report.notes),
        "advice": [
            {"text": said.text, "run": place_of[said.row], "changes": changes_of(said.advice)} for said in report.advice
        ],
    }


def html_of_runs(directories: Sequence[Path]) -> str:
    """The report with charts of every question. Raises NoDataError."""
    return render(_judged(_read(directories)), "html")


def _read(directories: Sequence[Path], metrics: Collection[str] | None = None) -> list[Source]:
    """The runs, each once."""
    if not directories:
        raise UsageError("name a run or more")
    found: dict[str, Source] = {}
    for directory in directories:
        if not exists(directory / RUN_FILE):  # it could be a series, or have reports of Locust in it
            raise NoDataError(f"{directory}: not a run directory: it has no {RUN_FILE}")
        (source,) = read_places(directory, metrics)
        found.setdefault(source.key, source)
    return list(found.values())


def _judged(sources: Sequence[Source]) -> Report:
    report = comparison_of(sources)
    return with_gates(report, judge(report.rows, implied=False))


def differing_values(rows: Sequence[Row]) -> list[JsonObject]:
    """The keys of the scenarios whose values differ, with the value of each row."""
    runs = [row.repeats.runs[0].run for row in rows]
    settings = [
        # The number of coordinators is beside the scenario.
        {**settings_of(run.scenario, without=("name",)), "coordinators": len(run.info.coordinators)}
        for run in runs
        if run is not None
    ]
    return [{"key": key, "values": [_shown(each) for each in found]} for key, found in differing(settings).items()]


def _shown(value: Any) -> str:  # noqa: ANN401
    return ABSENT if value is None else shorten(value if isinstance(value, str) else flow_text(value), MAX_VALUE)
