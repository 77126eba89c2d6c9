"""Reads the arguments of compare: sources, one by one or as a group of repeats, such as `before=a,b,c`."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from fanout.analysis.repeats import grouped
from fanout.analysis.sources import Source, read_places, read_source, sources_at
from fanout.analysis.summary import Summary
from fanout.errors import NoDataError, UsageError
from fanout.runs.locust_reports import OTHERS, without_suffix
from fanout.text import printable

ALLOWED = "allowed: LABEL=RUN,RUN,… or LABEL=FOLDER, each label and each run once"
_PATTERN = frozenset("*?[")


def read_sources(arguments: Sequence[str], metrics: Collection[str] | None = None) -> list[Source]:
    """The sources, in order, each once; read_source() explains `metrics`.

    Raises UsageError for a wrong group, NoDataError for what can't be read.
    """
    groups = [_group(argument) for argument in arguments]
    labels = [label for label, _ in filter(None, groups)]
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise UsageError(f"the label {twice[0]} is given twice; {ALLOWED}")
    found: dict[str, Source] = {}
    for argument, group in zip(arguments, groups, strict=True):
        for source in [_read_group(*group, metrics)] if group else read_places(Path(argument), metrics):
            found.setdefault(source.key, source)
    _check_groups(list(found.values()))
    return list(found.values())


def _group(argument: str) -> tuple[str, str] | None:
    """The label and the value of an argument that names a group; None if it is a path."""
    label, sign, value = argument.partition("=")
    if not sign or "/" in label or _is_source(argument):
        return None
    if not label.strip():
        raise UsageError(f"{printable(argument)}: the group has no label; {ALLOWED}")
    return label.strip(), value


def _is_source(text: str) -> bool:
    """Whether a text is a path as it is, although it contains `=`, `,` or `*`."""
    try:
        return any(place.exists() for place in sources_at(Path(text)))
    except (NoDataError, OSError):
        return False


def _read_group(label: str, value: str, metrics: Collection[str] | None) -> Source:
    places: list[Path] = []
    for piece in [value] if _is_source(value) else value.split(","):
        places += _places(label, piece.strip())
    summaries: list[Summary] = []
    seen: set[Path] = set()
    for place in places:
        read = read_source(place, metrics)
        origins = {Path(summary.source).resolve() for summary in read}
        if again := seen & origins:
            raise UsageError(f"{min(again)} is twice in {label}; {ALLOWED}")
        seen |= origins
        summaries += read
    return Source(label, label, tuple(places), tuple(grouped(label, summaries)))


def _places(label: str, piece: str) -> Iterator[Path]:
    if not piece:
        raise UsageError(f"the group {label} is empty, or one of its runs has no name; {ALLOWED}")
    if not _PATTERN & set(piece) or _is_source(piece):
        paths = [piece]
    elif not (paths := _matches(piece)):
        raise UsageError(f"the group {label} is empty: nothing is called {piece}; {ALLOWED}")
    for path in paths:
        try:
            yield from sources_at(Path(path))
        except NoDataError as error:
            if not Path(path).is_dir():
                raise
            raise UsageError(f"the group {label} is empty: no run or report is in {path}; {ALLOWED}") from error


def _matches(pattern: str) -> list[str]:
    """What a pattern matches, which the shell doesn't expand after LABEL=, without Locust's files beside summaries."""
    found = glob.glob(pattern)  # noqa: PTH207 (Path.glob refuses absolute patterns)
    return sorted(path for path in found if without_suffix(path, OTHERS) is None)


def _check_groups(sources: Sequence[Source]) -> None:
    """Raises UsageError if a group and another source have a run or a file in common."""
    owners: dict[Path, Source] = {}
    for source in sources:
        for origin in {Path(run.source).resolve() for row in source.rows for run in row.runs}:
            owner = owners.setdefault(origin, source)
            if owner is not source and (owner.label or source.label):
                named = " and ".join(each.label or "an argument of its own" for each in (owner, source))
                raise UsageError(f"{origin} is in {named}; {ALLOWED}")
