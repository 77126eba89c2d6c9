"""The results, one row for each run, in a CSV file beside the document."""

from __future__ import annotations

from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from fanout.analysis.run_summary import summarize
from fanout.runs.questions_csv import latencies
from fanout.runs.reader import Run
from fanout.runs.schema import LookupTimes, MeanAndMax
from fanout.studies.ablation._grid import Variant
from fanout.studies.evidence import checked, system_of

COMMAND = "scripts/ablation"


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
        **{f"{phase}_ms": spent for phase, spent in (summary.phases_ms or {}).items() if phase != "late"},
        **_lookups(run),
        "first_ms": _mean_ms(ordered.head(agents)),
        "rest_ms": _mean_ms(ordered.slice(agents)),
        "suspect": bool(summary.suspect),
        "system": system_of(run),
    }
    return checked(Figures, data, run, COMMAND)


def _lookups(run: Run) -> dict[str, float]:
    (coordinator,) = run.info.coordinators
    found = coordinator.lookups or LookupTimes()
    none = MeanAndMax(0.0, 0.0)
    return {"queued_ms": (found.queued_ms or none).mean or 0.0, "lookup_ms": (found.took_ms or none).mean or 0.0}


def _mean_ms(questions: pl.DataFrame) -> float:
    return float(latencies(questions).mean() or 0.0)  # type: ignore[arg-type]
