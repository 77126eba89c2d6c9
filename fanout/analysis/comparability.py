"""Finds what makes runs hard to compare: other versions, machines or scenarios, or an overloaded load generator.

Pure functions over run.json and scenario.yaml.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fanout.analysis.compare import Row
from fanout.runs.reader import Run
from fanout.runs.schema import Git, RunInfo
from fanout.text import format_ms, listed, shorten

LAG_TIMES, LAG_MS = 3.0, 2.0
"""Two loop lags differ if one is more than this many times the other, and larger by more than this."""
SHARES_APART = 0.25
"""Two shares of CPU time differ if they are further apart than this."""
NO_DIFFERENCE = ("name", "gates")
"""The keys of a scenario that don't affect what is measured."""


def differences(rows: Sequence[Row]) -> list[str]:
    """The differences between each row and its baseline, and among a row's own runs; each says what to do.

    The rows of one series have different scenarios on purpose. They should still have run in the same environment.
    """
    found = []
    for row in rows:
        found += mixed(row.label, [row])
        base = row.baseline
        if base is not None and row.compared:
            runs, before = _runs([row]), _runs([base])
            interleaved = row.repeats.pairs_with(base.repeats) is not None
            found += [
                f"{row.label} and its baseline {base.label} {text}"
                for text in _differences(runs, before, interleaved=interleaved)
            ]
    return found


def mixed(what: str, rows: Sequence[Row]) -> list[str]:
    """The differences between the environments of these rows' runs, which should be the same."""
    runs = _runs(rows)
    changes = _listed(change for run in runs[1:] for change in _environment_changes(run.info, runs[0].info))
    return [f"{what}: its runs had different environments: {changes}: run all of them again"] if changes else []


def _runs(rows: Sequence[Row]) -> list[Run]:
    return [summary.run for row in rows for summary in row.repeats.runs if summary.run is not None]


def _differences(runs: Sequence[Run], before: Sequence[Run], *, interleaved: bool) -> Iterator[str]:
    if not runs or not before:
        return
    run, base = runs[0], before[0]
    if changes := _listed(_environment_changes(run.info, base.info)):
        yield f"had different environments: {changes}: run the baseline again here before you believe the ratio"
    if interleaved:
        return
    if changes := _listed(_changes(run.scenario.model_dump(mode="json"), base.scenario.model_dump(mode="json"))):
        yield f"have different scenarios: {changes}: the ratio shows the effect of all these changes together"
    if changes := _listed(_health_changes(runs, before)):
        yield f"had load generators under different load: {changes}: run both again while the machine is equally idle"


def _environment_changes(info: RunInfo, base: RunInfo) -> Iterator[str]:
    yield from _changes(info.versions or {}, base.versions or {})
    ours, theirs = info.machine or {}, base.machine or {}
    yield from _changes(ours, {name: theirs.get(name) for name in ours})
    yield from _changes({"git revision": _revision(info.git)}, {"git revision": _revision(base.git)})


def _revision(git: Git | None) -> str | None:
    if git is None or git.revision is None:
        return None
    return f"{git.revision[:10]}{' with changes' * bool(git.dirty)}"


def _changes(ours: Mapping[str, Any], theirs: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Each key in which two mappings differ, as a dotted path, with both values."""
    for key in dict.fromkeys([*ours, *theirs]):
        mine, other = ours.get(key), theirs.get(key)
        if isinstance(mine, Mapping) and isinstance(other, Mapping):
            yield from _changes(mine, other, f"{above}{key}.")
        elif mine != other and key not in NO_DIFFERENCE:
            yield f"{above}{key} {_short(mine)} (baseline {_short(other)})"


def _short(value: object) -> str:
    return shorten("none" if value is None else str(value), 40)


def _health_changes(runs: Sequence[Run], before: Sequence[Run]) -> Iterator[str]:
    """Compares the worst run of each side."""
    ours, theirs = (_worst(map(_lag_ms, side)) for side in (runs, before))
    if ours is not None and theirs is not None:
        low, high = sorted((ours, theirs))
        if high > LAG_TIMES * low and high - low > LAG_MS:
            yield f"loop lag p99 {format_ms(ours)} (baseline {format_ms(theirs)})"
    for name in ("busy", "steal"):
        mine, other = (_worst(_load(run, name) for run in side) for side in (runs, before))
        if mine is not None and other is not None and abs(mine - other) > SHARES_APART:
            yield f"CPU time {name} {mine:.0%} (baseline {other:.0%})"


def _lag_ms(run: Run) -> float | None:
    """The p99 loop lag of the worst coordinator."""
    health = [found.loop_health for found in run.info.coordinators]
    return _worst(found.lag_ms.p99 for found in health if found is not None and found.lag_ms is not None)


def _load(run: Run, name: str) -> float | None:
    return getattr(run.info.machine_load, name, None)


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _listed(changes: Iterator[str]) -> str:
    """The first few changes; empty for none."""
    return listed(list(dict.fromkeys(changes)))
