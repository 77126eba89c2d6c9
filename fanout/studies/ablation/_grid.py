"""The variants that are run. Each is the worst headline scenario with something changed."""

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
    """One combination of what could have mattered. The defaults are the worst, where the published default run was."""

    limits: str = "100/20"
    """max_connections/max_keepalive_connections."""
    host: str = "localhost"
    threads: str = "24"
    """Of the default executor, each question in flight holding one; `none blocked`: they hold none."""
    resolver: str = "default"
    scale: float = 1.0
    """Of the service times; at 1 their median is 11 s."""
    pauses: str = "none"
    """Of PAUSE_S, longer than the 5 s of keepalive_expiry: `free`, or `blocked` in a thread of the executor."""

    def but(self, **changes: Any) -> Variant:  # noqa: ANN401
        """The same with something changed."""
        return replace(self, **changes)

    def scenario(self) -> Scenario:
        """What is run. Raises ScenarioError."""
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
    """All of them, those that last longest first."""
    grid = [
        Variant(limits, host, threads, resolver, scale)
        for scale, limits, host, threads, resolver in itertools.product(SCALES, LIMITS, HOSTS, THREADS, RESOLVERS)
    ]
    pausing = [Variant("1000/200", pauses=pauses) for pauses in PAUSES[1:]]
    return [*pausing, *grid]
