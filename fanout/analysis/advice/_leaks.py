"""Finds questions that waited for a connection while their pool had room for more.

httpcore 1.0 keeps a slot of the pool for a request that is cancelled after it was given a connection and before its
task ran (https://github.com/encode/httpcore/issues/830). Nobody holds that slot, and nobody gets it back.
"""

from __future__ import annotations

import polars as pl

from fanout.analysis.advice._figures import Figures, in_progress
from fanout.runs.questions_csv import BEGAN, ENDED, held_ms

MOST_IN_USE = 0.75
"""The largest share of max_connections in use that counts as room for more."""
_HELD = held_ms("resolving", "connecting", "tls_handshaking", "sending", "waiting", "receiving")


def leaked(run: Figures) -> pl.Series:
    """The rows of the failed questions that had nothing but `blocked`, although their pool had room for more."""
    most = run.client.limits.max_connections
    none = pl.Series(dtype=pl.UInt32)
    if most is None:
        return none
    if not run.asked.select(_gave_up().any()).item():
        return none
    client_of = {agent + 1: number for number, agents in enumerate(run.clients) for agent in agents}
    known = run.asked.filter(pl.col("blocked_ms").is_not_null() & pl.col("round_trip_ms").is_not_null())
    pools = known.with_columns(client=pl.col("agent").replace_strict(client_of, default=None, return_dtype=pl.Int64))
    found = [
        _leaked_in(of_pool, most)
        for _, of_pool in pools.group_by("coordinator", "client")
        if of_pool.filter(_gave_up()).height
    ]
    return pl.concat([none, *found])


def _gave_up() -> pl.Expr:
    return (pl.col("status") == "failed") & (_HELD == 0) & (pl.col("blocked_ms") > 0)


def _leaked_in(pool: pl.DataFrame, most: int) -> pl.Series:
    holding = pool.filter(_HELD > 0)
    began = holding.select(BEGAN + held_ms("encode", "blocked") / 1000).to_series()
    waiting = pool.filter(_gave_up())
    in_use = in_progress(began, holding.select(ENDED).to_series(), waiting.select(ENDED).to_series())
    if in_use.median() > MOST_IN_USE * most:  # type: ignore[operator]
        return pl.Series(dtype=pl.UInt32)
    return waiting["row"].filter(in_use <= MOST_IN_USE * most)
