"""What is asked of single runs: whether one is large, its row, and whether it passed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from fanout import files
from fanout.analysis.compare import Row, compare_with
from fanout.analysis.gate_results import Judgement
from fanout.analysis.repeats import gathered
from fanout.analysis.run_summary import summarize
from fanout.runs.reader import Run
from fanout.runs.writer import QUESTIONS_FILE

LARGE_BYTES = 160_000_000
"""A larger questions.csv has about a million questions or more, and takes seconds to read."""
RunVerdict = Literal["passed", "failed", "undecided"]


def is_large(directory: Path) -> bool:
    """Whether a run has too many questions to read them while somebody waits. Raises NoDataError."""
    try:
        return files.within(directory, QUESTIONS_FILE).stat().st_size > LARGE_BYTES
    except OSError:  # reading it will say why
        return False


def row_of(run: Run, *, advised: bool) -> Row:
    """The run as a row that is compared with nothing; `advised` says whether it needs advice."""
    (row,) = compare_with(gathered([summarize(run, advised=advised)]), [None])
    return row


def verdict_of(gates: Sequence[Judgement]) -> RunVerdict:
    """By the run's own gates, and the one that every question is answered.

    `undecided` if no gate failed, but one could not be judged, for example for lack of a baseline.
    """
    results = {found.result for found in gates}
    if "failed" in results:
        return "failed"
    return "passed" if results <= {"passed"} else "undecided"
