"""Advice on a run, while it is in progress and after it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fanout.analysis.advice import Advice, advise
from fanout.analysis.gate_results import judge
from fanout.analysis.row_advice import in_words
from fanout.errors import UsageError
from fanout.json_object import JsonObject
from fanout.report import comparison, with_gates
from fanout.runs.reader import read_run, read_run_so_far
from fanout.runs.schema import info_of
from fanout.scenario import flow_text
from fanout.web.analysis_process._runs import is_large, row_of, verdict_of


def advice_so_far(directory: Path, info: JsonObject) -> JsonObject:
    """The advice on a run in progress, of whose run.json this is known; None for too many questions.

    Raises NoDataError, UsageError.
    """
    try:
        known = info_of(info)
    except ValueError as error:
        raise UsageError(f"info: {error}") from error
    if is_large(directory):
        return {"questions": None, "items": None}
    run = read_run_so_far(directory, known)
    return {"questions": run.questions.height, "items": items_of(advise(run))}


def result_of(directory: Path) -> JsonObject:
    """The result of a run that has ended, and the advice on it. Raises NoDataError."""
    row = row_of(read_run(directory), advised=True)
    gates = judge([row])
    report = with_gates(comparison([row]), gates)
    summary = row.summary
    return {
        "questions": summary.questions,
        "items": items_of(summary.advice),
        "result": {
            "verdict": verdict_of(gates),
            "cause": None if summary.cause is None else summary.cause_in_words,
            "lines": [*report.verdicts, *report.notes],
        },
    }


def items_of(found: Sequence[Advice]) -> list[JsonObject]:
    """The advice as a page shows it."""
    return [{"text": said.text, "changes": changes_of(said)} for said in found]


def changes_of(said: Advice) -> list[JsonObject]:
    """The changes, whose values are YAML that a scenario's parser reads."""
    return [
        {
            "words": in_words(change),
            "code": change.code,
            "set": {key: flow_text(value) for key, value in change.values.items()},
        }
        for change in said.changes
    ]
