"""Says what a file is that was named in place of a run or of Locust's summary, and which file was probably meant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from fanout.outcome import COLUMNS
from fanout.runs.locust_reports import OTHERS, SUMMARIES, is_file, summaries_in, summary_of, without_suffix
from fanout.runs.writer import RUN_FILE
from fanout.text import listed, shorten

ALLOWED = "allowed: run directories, and the _stats.csv files that locust --csv PREFIX writes"
_KINDS: tuple[tuple[Sequence[str], str], ...] = (
    (("timestamp", "name", "requests_per_s"), "Locust's history of a run"),
    (("name", "error"), "Locust's list of failures"),
    (("message", "traceback"), "Locust's list of exceptions"),
    ([column.name for column in COLUMNS if column.presence == "every file"], "the questions of a run of fanout's"),
    (("adapter_mean_ms",), "a table that fanout has made of runs"),
)
"""The columns that tell each kind of CSV file: Locust's by our names, fanout's own by theirs."""
_START = 100_000
"""The characters of a file that tell what it is."""
_SOME_OF_LOCUST = 3
"""A file with so many of Locust's columns is one of Locust's."""


def not_a_table(file: Path, text: str) -> str | None:
    """The error for a text that is no CSV: a page, XML or JSON; None for other texts."""
    start = text[:_START].lstrip()
    if start.startswith("<"):
        return _with_summary(file, _of_markup(start.lower()))
    if start.startswith(("{", "[")):
        is_locust = '"num_requests"' in start and '"response_times"' in start
        return _with_summary(file, "Locust's JSON report" if is_locust else "a JSON file")
    return None


def _of_markup(start: str) -> str:
    if start.startswith("<?xml"):
        return "an XML file"
    if "<title>fanout" in start:
        return "an HTML report of fanout's"
    return "Locust's HTML report" if "locust" in start else "a web page"


def not_a_summary(
    file: Path, header: Sequence[str], known: Collection[str], percentiles: Collection[float], missing: Sequence[str]
) -> str:
    """The error for a CSV file that isn't Locust's summary.

    `known` are those of Locust's columns that it has, by our names; `missing` those of a summary that it lacks.
    """
    if set(known) == {"name", "requests"} and percentiles:
        return _with_summary(file, "the percentiles that Locust wrote apart before 0.13.3")
    for columns, what in _KINDS:
        if set(columns) <= {*known, *header}:
            return _with_summary(file, what)
    if len(known) >= _SOME_OF_LOCUST and missing:
        return f"{file}: not a _stats.csv of Locust: it has no column {missing[0]!r}; {ALLOWED}"
    names = listed([shorten(name, 40) for name in header if name])
    return f"{file}: not a _stats.csv of Locust, but a file with the columns {names}; {ALLOWED}"


def _with_summary(file: Path, what: str) -> str:
    """The error that says what a file is, and which file to name."""
    return f"{file}: {what}{_meant(file)}"


def _meant(file: Path) -> str:
    if is_file(file.with_name(RUN_FILE)):
        return f"; its run directory is {file.parent}"
    prefix = without_suffix(file.name, OTHERS)
    found = summary_of(file.parent, file.stem if prefix is None else prefix)
    if found is not None:
        return f"; its summary is {found.name} beside it"
    if prefix is not None:
        suffix = SUMMARIES[1] if file.name.endswith(OTHERS[-1]) else SUMMARIES[0]
        return f": name its summary, {prefix}{suffix}"
    if beside := summaries_in(file.parent):
        return f"; beside it there {'is' if len(beside) == 1 else 'are'} {listed([path.name for path in beside])}"
    return f"; {ALLOWED}"
