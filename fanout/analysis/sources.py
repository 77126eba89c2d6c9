"""Finds and reads what can be compared: run directories, and Locust's own reports."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fanout.analysis.compare import Row, baselines_within, compare_with, one_baseline
from fanout.analysis.metrics import columns_of
from fanout.analysis.repeats import Repeats, gathered
from fanout.analysis.run_summary import UNKNOWN, summarize
from fanout.analysis.summary import Summary
from fanout.errors import NoDataError
from fanout.files import exists
from fanout.runs.locust_csv import StatsRow, read_stats
from fanout.runs.locust_reports import summaries_in, summary_of
from fanout.runs.questions_csv import IDENTITY, OF_LATENCIES
from fanout.runs.reader import read_run
from fanout.runs.writer import QUESTIONS_FILE, RUN_FILE
from fanout.scenario.gate_syntax import parse_gate
from fanout.text import listed

MIXED = "Locust's latencies include failed requests: compare run directories to leave them out"
P95 = 95.0
LARGE = 1_000_000
"""A run with so many questions has some 160 MB."""


@dataclass(frozen=True, eq=False)
class Source:
    """What one argument of a comparison names, or one of the reports in a folder that it names."""

    key: str
    """The label of a group, or else the resolved path."""
    label: str
    """Empty for a source that is no group."""
    places: tuple[Path, ...]
    """Run directories, directories of runs, and reports of Locust."""
    rows: tuple[Repeats, ...]


def read_places(path: Path, metrics: Collection[str] | None = None) -> list[Source]:
    """A path that is not part of a group: a source, or each report of Locust in a folder. Raises NoDataError."""
    found = [(place, tuple(gathered(read_source(place, metrics)))) for place in sources_at(path)]
    return [Source(str(place.resolve()), "", (place,), rows) for place, rows in found]


def rows_of(sources: Sequence[Source], baseline: Source | None = None) -> list[Row]:
    """The rows of the sources, each with its baseline: `baseline`, or else the first source.

    A source that is alone has its baseline within itself.
    """
    repeats = [row for source in sources for row in source.rows]
    if baseline is not None or len(sources) > 1:
        return compare_with(repeats, one_baseline(repeats, (baseline or sources[0]).rows))
    is_series = not sources[0].label
    return compare_with(repeats, baselines_within(repeats) if is_series else [None] * len(repeats))


def sources_at(path: Path) -> list[Path]:
    """The sources that a path names: a run directory, a directory of runs, or reports of Locust.

    It may be a file, the prefix of Locust's --csv, or a folder. Raises NoDataError.
    """
    if path.name in (QUESTIONS_FILE, RUN_FILE) and exists(path.parent / RUN_FILE):
        return [path.parent]
    if _is_directory(path):
        return _within(path)
    summary = None if exists(path) else summary_of(path.parent, path.name)
    return [summary or path]


def _within(folder: Path) -> list[Path]:
    if (folder / RUN_FILE).exists() or any(folder.glob(f"*/{RUN_FILE}")):
        return [folder]
    if found := summaries_in(folder):
        return found
    if (summary := summary_of(folder.parent, folder.name)) is not None:  # it is a prefix as well
        return [summary]
    raise NoDataError(
        f"{folder}: not a run directory: it has no {RUN_FILE}, and there are neither runs nor reports of Locust in it"
    )


def read_source(path: Path, metrics: Collection[str] | None = None) -> list[Summary]:
    """One summary for a run directory, or one for each run in a directory of them, or for each name in a report.

    If only these `metrics` are asked for afterwards, large runs don't stay in memory as a whole. Raises NoDataError,
    also if the path names several sources.
    """
    source, *others = sources_at(path)
    if others:
        raise NoDataError(f"{path}: there are several reports of Locust in it: name one of {listed([source, *others])}")
    if not _is_directory(source):
        return _of_locust(source)
    runs = [source] if (source / RUN_FILE).exists() else sorted(file.parent for file in source.glob(f"*/{RUN_FILE}"))
    return [_read(directory, metrics) for directory in runs]


def _read(directory: Path, metrics: Collection[str] | None) -> Summary:
    run = read_run(directory)
    summary = summarize(run)
    if metrics is None or run.questions.height < LARGE:
        return summary
    own = {parse_gate(gate).metric for gate in run.scenario.gates}
    return replace(summary, run=run.narrowed({*IDENTITY, *OF_LATENCIES, *columns_of({*metrics, *own})}))


def _of_locust(file: Path) -> list[Summary]:
    if not exists(file):
        raise NoDataError(f"{file}: there is no such run directory or file, nor a {file.name}_stats.csv of Locust")
    return [_summary(file, row) for row in read_stats(file)]


def _summary(file: Path, row: StatsRow) -> Summary:
    summary = Summary(
        name=row.name,
        source=str(file),
        protocol=row.type or None,
        agents=None,
        questions=row.requests,
        failed=row.failures,
        percentiles_ms={},
    )
    if row.max_ms == 0:  # Locust writes 0 if no response time was known
        return replace(summary, problems=(UNKNOWN,))
    return replace(
        summary,
        problems=(MIXED,) if row.failures else (),
        mean_ms=row.mean_ms,
        p50_ms=row.median_ms,
        p95_ms=row.percentiles_ms.get(P95),
        max_ms=row.max_ms,
        percentiles_ms=row.percentiles_ms,
    )


def _is_directory(path: Path) -> bool:
    return exists(path) and path.is_dir()
