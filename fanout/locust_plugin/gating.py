"""One finished run, judged: its gates, beside a baseline if there is one, and what held the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fanout.analysis.comparability import differences
from fanout.analysis.compare import compare_with, one_baseline
from fanout.analysis.gate_results import Judgement, judge, worth_telling
from fanout.analysis.notes import unmatched
from fanout.analysis.repeats import gathered
from fanout.analysis.sources import read_source
from fanout.files import append_to_job_summary, write
from fanout.locust_plugin.wanted import Wanted
from fanout.report import comparison, render, with_gates


@dataclass(frozen=True)
class Verdict:
    passed: bool
    gates: Sequence[Judgement]
    """Those that are worth telling."""
    warnings: Sequence[str]
    """What has to be known before the baseline is believed."""
    advice: Sequence[str]


def verdict_on(directory: Path, wanted: Wanted) -> Verdict:
    """Judges a run from its directory; writes JUnit's XML where that is wanted, and a CI job's summary if there is one.

    Raises NoDataError for a run or baseline that can't be read, CouldNotRunError where a report can't be written.
    """
    base = gathered(read_source(wanted.baseline)) if wanted.baseline else []
    (run,) = gathered(read_source(directory))
    rows = compare_with([*base, run], [*[None] * len(base), *one_baseline([run], base)])
    report = with_gates(comparison(rows), judge(rows[-1:], wanted.gates))
    warnings = [*differences(rows[-1:]), *unmatched(rows, base)]
    if wanted.junit:
        write(render(report, "junit"), wanted.junit)
    append_to_job_summary(render(report, "markdown"))
    advice = [said.text for said in run.summary.advice]
    return Verdict(report.passed is not False, worth_telling(report.gates), warnings, advice)
