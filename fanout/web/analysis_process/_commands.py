"""What the analyst can be asked. Imports the libraries that read runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fanout.errors import UsageError
from fanout.json_object import JsonObject
from fanout.text import printable
from fanout.web.analysis_process._advice import advice_so_far, result_of
from fanout.web.analysis_process._comparison import comparison_of_runs, html_of_runs
from fanout.web.analysis_process._overview import Overview
from fanout.web.run_list import MOST_RUNS

_overview = Overview()


def answer_to(command: JsonObject) -> JsonObject:
    """The contents of the answer, whose texts are safe to show. Raises FanoutError."""
    match command:
        case {"do": "overview", "runs": list(runs)}:
            answer: JsonObject = {"rows": [_overview.row(directory) for directory in _directories(runs)]}
        case {"do": "advise", "directory": str(directory), "info": None}:
            answer = result_of(Path(directory))
        case {"do": "advise", "directory": str(directory), "info": dict(info)}:
            answer = advice_so_far(Path(directory), info)
        case {"do": "compare", "runs": list(runs)}:
            answer = comparison_of_runs(_directories(runs))
        case {"do": "report", "runs": list(runs)}:
            return {"html": html_of_runs(_directories(runs))}
        case _:
            raise UsageError(f"there is no such command: {command.get('do')!r}")
    return {key: _shown(value) for key, value in answer.items()}


def _directories(runs: Sequence[object]) -> list[Path]:
    if len(runs) > MOST_RUNS:
        raise UsageError(f"{len(runs)} runs are too many; allowed: up to {MOST_RUNS}")
    return [Path(str(run)) for run in runs]


def _shown(value: Any) -> Any:  # noqa: ANN401
    """The JSON with all texts on one line, and without characters that control a terminal or a text's direction."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: _shown(each) for key, each in value.items()}
    return [_shown(each) for each in value] if isinstance(value, list | tuple) else value
