"""The results, one row for each run, in a CSV file beside the document."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from fanout import files
from fanout.analysis.run_summary import summarize
from fanout.errors import NoDataError
from fanout.runs.questions_csv import with_latency
from fanout.runs.reader import Run
from fanout.runs.schema import LookupTimes, MeanAndMax
from fanout.studies.ablation._grid import Variant
from fanout.text import data_text


class Figures(BaseModel):
    """A run's variant and its figures. Durations are means in ms, unless the name says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: str
    host: str
    threads: str
    resolver: str
    scale: float
    pauses: str
    run: str
    """The name of the run's directory."""
    questions: int
    failed: int
    mean_ms: float
    p50_ms: float
    max_ms: float
    over_100ms: int
    connections: int
    encode_ms: float
    blocked_ms: float
    resolving_ms: float
    connecting_ms: float
    tls_handshaking_ms: float
    sending_ms: float
    waiting_ms: float
    receiving_ms: float
    decode_ms: float
    queued_ms: float
    """How long a name lookup waited for a thread; 0 if there were no lookups."""
    lookup_ms: float
    """How long the lookup itself took."""
    first_ms: float
    """The adapter latency of the first questions of the round, as many as there are agents."""
    rest_ms: float
    """The adapter latency of the other questions."""
    suspect: bool
    system: str
    """The machine and the versions."""

    @property
    def variant(self) -> Variant:
        return Variant(self.limits, self.host, self.threads, self.resolver, self.scale, self.pauses)


def figures_of(variant: Variant, run: Run) -> Figures:
    """Raises NoDataError if the run's latencies, phases or connections are unknown."""
    summary = summarize(run)
    ordered = run.questions.sort("started")
    agents = run.scenario.agent_count
    data: dict[str, Any] = {
        **vars(variant),
        "run": run.directory.name,
        "questions": summary.questions,
        "failed": summary.failed + summary.abandoned,
        **{name: getattr(summary, name) for name in ("mean_ms", "p50_ms", "max_ms", "over_100ms", "connections")},
        **{f"{phase}_ms": spent for phase, spent in (summary.phases_ms or {}).items()},
        **_lookups(run),
        "first_ms": _mean_ms(ordered.head(agents)),
        "rest_ms": _mean_ms(ordered.slice(agents)),
        "suspect": bool(summary.suspect),
        "system": _system(run),
    }
    try:
        return Figures.model_validate(data)
    except ValidationError as error:
        raise NoDataError(f"{run.directory}: {_first_of(error)}; run scripts/ablation again") from error


def _first_of(error: ValidationError) -> str:
    detail = error.errors()[0]
    return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"


def _lookups(run: Run) -> dict[str, float]:
    (coordinator,) = run.info.coordinators
    found = coordinator.lookups or LookupTimes()
    none = MeanAndMax(0.0, 0.0)
    return {"queued_ms": (found.queued_ms or none).mean or 0.0, "lookup_ms": (found.took_ms or none).mean or 0.0}


def _mean_ms(questions: pl.DataFrame) -> float:
    return float(with_latency(questions).select(pl.col("latency_ms").mean().fill_null(0)).item())


def _system(run: Run) -> str:
    machine, versions = run.info.machine or {}, run.info.versions or {}
    packages = ", ".join(f"{name} {versions.get(name)}" for name in ("httpx", "httpcore", "anyio"))
    cpus = f"{machine.get('cpus')} CPUs ({machine.get('cpu')})"
    return f"{cpus}, {machine.get('system')}, Python {versions.get('python')}, {packages}"


def write_figures(found: Sequence[Figures], file: Path) -> None:
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(Figures.model_fields), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _text(value) for name, value in figures} for figures in found)


def _text(value: object) -> str:
    return data_text(round(value, 4) if isinstance(value, float) else value)


def read_figures(file: Path) -> list[Figures]:
    """Raises NoDataError if the file is missing or isn't one of figures."""
    try:
        lines = io.StringIO(files.read(file), newline="")
        return [Figures.model_validate(row) for row in csv.DictReader(lines)]
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}; make it with scripts/ablation") from error
    except (ValidationError, ValueError, csv.Error) as error:
        why = _first_of(error) if isinstance(error, ValidationError) else str(error)
        raise NoDataError(f"{file}: not the figures of an ablation: {why}; make them with scripts/ablation") from error
