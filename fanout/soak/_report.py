"""A soak's findings as a table and as sentences."""

from __future__ import annotations

from collections.abc import Sequence

from fanout.report import Column, Report, Table
from fanout.soak._samples import LOCUST
from fanout.soak._verdict import Finding, unjudged

NAMES = {"memory_mib": "memory, MiB", "time_wait_per_question": "sockets in TIME_WAIT, per question"}
"""The names of figures that are not clear by themselves."""
WHAT_TO_DO = {
    "descriptors": "list what stays open while it runs: ls -l /proc/PID/fd, or lsof -p PID",
    "threads": "dump their stacks while it runs: py-spy dump --pid PID",
    "memory_mib": "find what is kept for each run or question: tracemalloc, or memray",
    "processes": "find the parent that did not wait for them: pstree -p",
    "time_wait_per_question": "find which side closes connections: closed_by_us and closed_by_peer in run.json",
}
LONGER = "soak for longer, at least 3 minutes"


def _name(finding: Finding) -> str:
    return NAMES.get(finding.figure, finding.figure)


COLUMNS = (
    Column("when", "when", lambda f: f.when, left=True),
    Column("role", "process", lambda f: f.role, left=True),
    Column("figure", "figure", lambda f: f.figure, shown=_name, left=True),
    Column("first", "at the beginning", lambda f: f.first, shown=lambda f: f"{f.first:.4g}"),
    Column("last", "at the end", lambda f: f.last, shown=lambda f: f"{f.last:.4g}"),
    Column("most", "most", lambda f: f.most, shown=lambda f: f"{f.most:.4g}"),
    Column("allowed", "may grow by", lambda f: f.allowed, shown=lambda f: f"{f.allowed:.3g}"),
    Column("verdict", "verdict", lambda f: f.verdict, left=True),
)


def soak_report(findings: Sequence[Finding], duration_s: float, runs: int) -> Report:
    """The verdicts say whether anything grew, and which part was too short to judge."""
    grown = [finding for finding in findings if finding.verdict == "grew"]
    during = f"in {duration_s / 60:.3g} minutes, in a long run and {runs - 1} short"
    if grown:
        verdicts = [f"{len(grown)} of {len(findings)} figures grew {during}", *map(_sentence, grown)]
    elif known := [finding for finding in findings if finding.verdict == "flat"]:
        short = len(findings) - len(known)
        verdicts = [
            f"flat: none of the {len(known)} figures that could be judged grew {during}"
            + (f"; {short} could not be judged" if short else "")
        ]
    else:
        verdicts = []
    if missing := unjudged(findings):
        verdicts.append(f"too short to judge: {' and '.join(missing)}; {LONGER}")
    return Report([Table(COLUMNS, findings)], verdicts, notes=_notes(findings))


def _sentence(finding: Finding) -> str:
    if finding.when == "between runs" and finding.figure == "processes" and finding.role != LOCUST:
        return f"{finding.role}: up to {finding.most:.0f} left after a run; {WHAT_TO_DO['processes']}"
    unit = " MiB" if finding.figure == "memory_mib" else ""
    return (
        f"{finding.role}: {_name(finding).partition(',')[0]} grew from {finding.first:.4g} to {finding.last:.4g}{unit} "
        f"({'in the long run' if finding.when == 'long run' else 'from run to run'}; may grow by "
        f"{finding.allowed:.3g}{unit}); {WHAT_TO_DO[finding.figure]}"
    )


def _notes(findings: Sequence[Finding]) -> list[str]:
    notes = [
        "at the beginning, at the end: lower quartiles of the first and the last third, after a quarter for warm-up; "
        "descriptors, threads and memory are those of the process of its kind that has the most"
    ]
    if short := [f"{f.role} {_name(f)} ({f.when})" for f in findings if f.verdict == "too short"]:
        notes.append(f"too few samples to judge: {', '.join(short)}; {LONGER}")
    return notes
