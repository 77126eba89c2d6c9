"""Renders the document from a template that states the findings and takes every measured number from the figures.

The claims in its prose are checked against the figures as well. The document begins with those that don't hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fanout.analysis.summary import SLOW_MS
from fanout.errors import NoDataError
from fanout.studies.ablation._figures import Figures
from fanout.studies.ablation._grid import HOSTS, LIMITS, PAUSE_S, RESOLVERS, SCALES, THREADS, Variant
from fanout.studies.evidence import rendered
from fanout.studies.published import published

WORST = Variant()
SINGLE_CHANGES: dict[str, Variant] = {
    "nothing (the published setting)": WORST,
    "`max_keepalive_connections` 200 (and `max_connections` 1000)": WORST.but(limits="1000/200"),
    "`127.0.0.1` for `localhost`": WORST.but(host="127.0.0.1"),
    "a resolver with an executor of its own": WORST.but(resolver="own_executor"),
    "64 executor threads, more than agents": WORST.but(threads="64"),
    "no blocking calls on the executor": WORST.but(threads="none blocked"),
    "service times a tenth as long": WORST.but(scale=0.1),
}
"""The single changes to the worst variant, in words and as variants."""

CURES = [variant for variant in SINGLE_CHANGES.values() if variant != WORST and variant.scale == WORST.scale]
"""The changes that the document says remove the wait."""


class Findings:
    """The figures, as the template looks them up."""

    def __init__(self, found: Sequence[Figures]) -> None:
        self._by_variant = {figures.variant: figures for figures in found}
        self.all = list(found)

    def __call__(self, variant: Variant = WORST, **changes: object) -> Figures:
        """Returns the figures of a variant with these changes. Raises NoDataError if it wasn't run."""
        wanted = variant.but(**changes)
        if wanted not in self._by_variant:
            missing = ", ".join(f"{name} {value}" for name, value in vars(wanted).items())
            raise NoDataError(f"no figures of {missing}; run scripts/ablation again")
        return self._by_variant[wanted]

    @property
    def grid(self) -> list[Figures]:
        """The figures of all variants without pauses."""
        return [figures for figures in self.all if figures.pauses == "none"]

    @property
    def slow(self) -> set[Variant]:
        """The variants with a mean over SLOW_MS."""
        return {figures.variant for figures in self.grid if figures.mean_ms > SLOW_MS}

    def cured(self, variant: Variant) -> bool:
        """Whether the mean is below a tenth of the worst."""
        return self(variant).mean_ms < self().mean_ms / 10


def doubts(figures: Findings) -> list[str]:
    """Returns the document's claims that these figures don't support."""
    worst, tuned = figures(), figures(limits="1000/200")
    starving = {WORST.but(scale=scale) for scale in SCALES}
    claims = {
        "which combinations have a mean over 100 ms": figures.slow == starving,
        "that most of the worst run's time is name resolution": worst.resolving_ms > worst.mean_ms / 2,
        "that each of the five changes removes the wait": all(map(figures.cured, CURES)),
        "that the default limits open a connection per question, and the larger ones one per agent": (
            tuned.connections < worst.connections / 2
        ),
        "that pauses undo the larger limits": figures(limits="1000/200", pauses="blocked").mean_ms > 5 * tuned.mean_ms,
        "that most of the tuned run's latency is its first burst": tuned.first_ms > 4 * tuned.rest_ms,
    }
    return [claim for claim, holds in claims.items() if not holds]


def render(found: Sequence[Figures], template: Path, chart: str) -> str:
    """Renders the document; `chart` is the chart's file name. Raises NoDataError if a figure is missing."""
    figures = Findings(found)
    return rendered(
        template,
        figures=figures,
        changes=SINGLE_CHANGES,
        doubts=doubts(figures),
        cures=sum(map(figures.cured, SINGLE_CHANGES.values())),
        combinations=len(figures.grid),
        slow=len(figures.slow),
        limits=list(LIMITS),
        hosts=HOSTS,
        threads=list(THREADS),
        resolvers=RESOLVERS,
        scales=SCALES,
        pause_s=PAUSE_S,
        published_default=published("a2a", 32, "default"),
        published_tuned=published("a2a", 32, "1000/200"),
        chart=chart,
    )
