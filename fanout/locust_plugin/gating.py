"""Judges one finished run: its gates, beside a baseline if there is one, and what held the time.

To be imported when the run is over: what reads runs starts threads, which a Locust that forks (--processes) does not
survive.
"""

from __future__ import annotations

import logging
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
from fanout.locust_plugin.gate_options import GateOptions
from fanout.report import comparison, render, with_gates

logger = logging.getLogger("fanout")


@dataclass(frozen=True)
class Verdict:
    passed: bool
    gates: Sequence[Judgement]
    """Those that are worth telling."""
    warnings: Sequence[str]
    """What has to be known before the baseline is believed."""
    advice: Sequence[str]

    def log(self) -> None:
        for advice in self.advice:
            logger.info("advice: %s", advice)
        for warning in self.warnings:
            logger.warning("%s", warning)
        for judgement in self.gates:
            logger.log(logging.INFO if judgement.passed else logging.ERROR, "gate: %s", judgement)


def verdict_on(directory: Path, options: GateOptions) -> Verdict:
    """Judges a run from its directory; writes JUnit's XML if asked to, and a CI job's summary if there is one.

    Raises NoDataError for a run or baseline that can't be read, CouldNotRunError where a report can't be written.
    """
    base = gathered(read_source(options.baseline)) if options.baseline else []
    (run,) = gathered(read_source(directory))
    rows = compare_with([*base, run], [*[None] * len(base), *one_baseline([run], base)])
    report = with_gates(comparison(rows), judge(rows[-1:], options.gates))
    warnings = [*differences(rows[-1:]), *unmatched(rows, base)]
    if options.junit:
        write(render(report, "junit"), options.junit)
    append_to_job_summary(render(report, "markdown"))
    advice = [said.text for said in run.summary.advice]
    return Verdict(report.passed is not False, worth_telling(report.gates), warnings, advice)
