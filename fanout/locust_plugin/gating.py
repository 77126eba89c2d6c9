"""Judges one finished run: its gates, compared with a baseline if there is one, and what took the time.

Import this only when the run is over: the libraries that read runs start threads, and a Locust that forks after that
(--processes) fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fanout.analysis.comparability import differences
from fanout.analysis.compare import Row, compare_with, one_baseline
from fanout.analysis.gate_results import judge
from fanout.analysis.notes import notes, unmatched
from fanout.analysis.repeats import gathered
from fanout.analysis.row_advice import advice
from fanout.analysis.sources import read_source
from fanout.files import append_to_job_summary, write
from fanout.locust_plugin.gate_options import GateOptions
from fanout.report import Report, comparison, phases_table, render, with_gates


@dataclass(frozen=True)
class Verdict:
    passed: bool
    """Whether every gate passed, with the implied ones."""
    written_passed: bool
    """Whether every gate passed that somebody wrote."""
    text: str
    """What Locust's own tables don't show: phases, cause, notes, advice and gates."""


def verdict_on(directory: Path, options: GateOptions) -> Verdict:
    """Judges a run from its directory; writes JUnit XML with --junit, and the job summary in a CI job.

    Raises NoDataError for a run or baseline that can't be read, CouldNotRunError if a report can't be written.
    """
    base = gathered(read_source(options.baseline)) if options.baseline else []
    (run,) = gathered(read_source(directory))
    rows = compare_with([*base, run], [*[None] * len(base), *one_baseline([run], base)])
    gates = judge(rows[-1:], options.gates, implied=options.error_exit_code != 0, strict=options.strict)
    report = with_gates(comparison(rows), gates)
    if options.junit:
        write(render(report, "junit"), options.junit)
    append_to_job_summary(render(report, "markdown"))
    text = render(with_gates(_beyond_locust(rows[-1:], unmatched(rows, base)), gates), "text")
    written = [found for found in gates if not found.gate.implied]
    return Verdict(report.passed is not False, all(found.passed for found in written), text)


def _beyond_locust(rows: Sequence[Row], more: Sequence[str]) -> Report:
    """The report on a run, without what Locust's own tables show."""
    limits = [*notes(rows), *differences(rows), *more]
    return Report(phases_table(rows, with_cause=True), rows=rows, notes=limits, advice=advice(rows))
