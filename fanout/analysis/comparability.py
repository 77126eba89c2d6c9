"""What makes runs hard to compare: other versions, another machine, another scenario, a generator that was worse off.

Pure functions over what the runs say of themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fanout.analysis.compare import Row
from fanout.runs.reader import Run
from fanout.runs.schema import Git, RunInfo
from fanout.text import format_ms, listed, shorten

LAG_TIMES, LAG_MS = 3.0, 2.0
"""A coordinator's loop lag that is so many times the other's, and that much more, is another one."""
SHARES_APART = 0.25
"""Of CPU time."""
NO_DIFFERENCE = ("name", "gates")
"""Keys of a scenario that change nothing of what is measured."""


def differences(rows: Sequence[Row]) -> list[str]:
    """Of each row and its baseline, and of a row's own runs; each says what to do.

    Rows of one series have different scenarios because that is what is compared, but they should have run on the same.
    """
    found = []
    for row in rows:
        found += mixed(row.label, [row])
        base = row.baseline
        if base is not None and row.compared:
            runs, before = _runs([row]), _runs([base])
            in_turn = row.repeats.pairs_with(base.repeats) is not None
            found += [
                f"{row.label} and its baseline {base.label} {text}" for text in _told(runs, before, in_turn=in_turn)
            ]
    return found


def mixed(what: str, rows: Sequence[Row]) -> list[str]:
    """In what the runs of these rows, which should have run on the same, differ."""
    runs = _runs(rows)
    others = _named(change for run in runs[1:] for change in _of_environment(run.info, runs[0].info))
    return [f"{what}: the runs themselves ran on different things: {others}: run all of them again"] if others else []


def _runs(rows: Sequence[Row]) -> list[Run]:
    return [summary.run for row in rows for summary in row.repeats.runs if summary.run is not None]


def _told(runs: Sequence[Run], before: Sequence[Run], *, in_turn: bool) -> Iterator[str]:
    if not runs or not before:
        return
    run, base = runs[0], before[0]
    if others := _named(_of_environment(run.info, base.info)):
        yield f"ran on different things: {others}: run the baseline again here before you believe the ratio"
    if in_turn:
        return
    if others := _named(_changes(run.scenario.model_dump(mode="json"), base.scenario.model_dump(mode="json"))):
        yield f"are of different scenarios: {others}: the ratio is that of all these changes together"
    if others := _named(_of_health(runs, before)):
        yield f"had load generators of different health: {others}: run both again on a machine that is as idle"


def _of_environment(info: RunInfo, base: RunInfo) -> Iterator[str]:
    yield from _changes(info.versions or {}, base.versions or {})
    ours, theirs = info.machine or {}, base.machine or {}
    yield from _changes(ours, {name: theirs.get(name) for name in ours})
    yield from _changes({"git revision": _revision(info.git)}, {"git revision": _revision(base.git)})


def _revision(git: Git | None) -> str | None:
    if git is None or git.revision is None:
        return None
    return f"{git.revision[:10]}{' with changes' * bool(git.dirty)}"


def _changes(ours: Mapping[str, Any], theirs: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Each key in which two mappings differ, dotted, with both values."""
    for key in dict.fromkeys([*ours, *theirs]):
        mine, other = ours.get(key), theirs.get(key)
        if isinstance(mine, Mapping) and isinstance(other, Mapping):
            yield from _changes(mine, other, f"{above}{key}.")
        elif mine != other and key not in NO_DIFFERENCE:
            yield f"{above}{key} {_short(mine)} (baseline {_short(other)})"


def _short(value: object) -> str:
    return shorten("none" if value is None else str(value), 40)


def _of_health(runs: Sequence[Run], before: Sequence[Run]) -> Iterator[str]:
    """By the worst of each side's runs."""
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
    """The worst coordinator's."""
    health = [found.loop_health for found in run.info.coordinators]
    return _worst(found.lag_ms.p99 for found in health if found is not None and found.lag_ms is not None)


def _load(run: Run, name: str) -> float | None:
    return getattr(run.info.machine_load, name, None)


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _named(changes: Iterator[str]) -> str:
    """A few of them in words; empty for none."""
    return listed(list(dict.fromkeys(changes)))
