"""The variants to run: the headline scenario with the default limits, with changes."""

from __future__ import annotations

import itertools
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

import yaml

from fanout.scenario import Scenario, parse_scenario
from fanout.studies.headline import HEADLINE

LIMITS = {"100/20": {}, "1000/200": {"max_connections": 1000, "max_keepalive_connections": 200}}
HOSTS = ("localhost", "127.0.0.1")
THREADS = {
    "24": {"threads": 24, "blocking_calls": "per_question"},
    "64": {"threads": 64, "blocking_calls": "per_question"},
    "none blocked": {"threads": 24, "blocking_calls": "none"},
}
RESOLVERS = ("default", "own_executor")
SCALES = (1.0, 0.1)
PAUSE_S = 8.0
PAUSES = ("none", "free", "blocked")


@dataclass(frozen=True)
class Variant:
    """One combination of the suspected causes. The defaults are the worst: those of the published default run."""

    limits: str = "100/20"
    """max_connections/max_keepalive_connections."""
    host: str = "localhost"
    threads: str = "24"
    """Threads of the default executor; each question in flight blocks one, or none with `none blocked`."""
    resolver: str = "default"
    scale: float = 1.0
    """A factor on the service times; at 1 their median is 11 s."""
    pauses: str = "none"
    """Pauses of PAUSE_S, longer than keepalive_expiry (5 s); with `blocked` each blocks a thread of the executor."""

    def but(self, **changes: Any) -> Variant:  # noqa: ANN401
        """A copy with these changes."""
        return replace(self, **changes)

    def scenario(self) -> Scenario:
        """Raises ScenarioError."""
        words = [re.sub(r"[^a-z0-9.]+", "-", str(value)) for value in asdict(self).values()]
        executor = dict(THREADS[self.threads])
        if self.pauses == "blocked":
            executor["blocking_calls"] = "per_question_and_pause"
        lines: dict[str, Any] = {
            "extends": "a2a-default.yaml",
            "name": "-".join(["ablation", *words]),
            "client": {"limits": LIMITS[self.limits]},
            "coordinator": {
                "executor": executor,
                "resolver": self.resolver,
                "pause_s": 0.0 if self.pauses == "none" else PAUSE_S,
            },
            "workers": {"host": self.host, "service_time": {"scale": self.scale}},
        }
        return parse_scenario(yaml.safe_dump(lines), HEADLINE.folder / "ablation.yaml")


def variants() -> list[Variant]:
    """All variants; the longest runs come first."""
    grid = [
        Variant(limits, host, threads, resolver, scale)
        for scale, limits, host, threads, resolver in itertools.product(SCALES, LIMITS, HOSTS, THREADS, RESOLVERS)
    ]
    pausing = [Variant("1000/200", pauses=pauses) for pauses in PAUSES[1:]]
    return [*pausing, *grid]
