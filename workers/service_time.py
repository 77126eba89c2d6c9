"""An agent's service time for a question, drawn by (seed, question id), so that all runs have the same work."""

from __future__ import annotations

import math
import random

from fanout.scenario import Constant, LogNormal, ServiceTime


def draw_s(service_time: ServiceTime, seed: int, question_id: str) -> float:
    """Draws a service time in seconds. It depends only on the arguments, on every machine and in every process."""
    if isinstance(service_time, Constant):
        return service_time.value_s * service_time.scale
    # JSON can contain half of a surrogate pair, which strict UTF-8 can't.
    dice = random.Random(f"{seed}:{question_id}".encode(errors="surrogatepass"))  # noqa: S311 (nothing secret)
    if isinstance(service_time, LogNormal):
        return dice.lognormvariate(math.log(service_time.median_s), service_time.sigma) * service_time.scale
    return dice.expovariate(1 / service_time.mean_s) * service_time.scale
