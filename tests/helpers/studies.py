"""Runs of the studies, for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fanout.runs.reader import Run
from helpers.runs import CALM, frame_of, run_of


def run(name: str, *outcomes: Any, cpu_s: float = 0.1, share: float = 0.1, **keys: Any) -> Run:
    """`keys` are more of the scenario's."""
    health = {"cpu_s": cpu_s, "wall_s": 1.0, "cpu_share": share, "lag_ms": CALM["lag_ms"]}
    info = {"coordinators": [{"coordinator": 1, "loop_health": health}], "connections": {"opened": len(outcomes)}}
    return replace(run_of([1.0], info=info, name=name, **keys), questions=frame_of(outcomes))
