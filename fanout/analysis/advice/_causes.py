"""Why each failed question failed.

A failed question has one cause: the first in CAUSES whose condition it meets. To add one, insert it there, before the
causes that are less specific.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from fanout.analysis.advice._figures import Figures
from fanout.analysis.advice._leaks import leaked
from fanout.phases import PHASES, column_of
from fanout.runs.questions_csv import ENDED, OK

KIND, BEHIND, STATUS = pl.col("error_kind"), pl.col("error_cause"), pl.col("http_status")
STUCK = pl.col("stuck")
"""The phase that took most of the question's time."""
_TIMED_OUT = KIND.is_in(["connect_timeout", "read_timeout", "write_timeout", "pool_timeout", "deadline"])
_LATE_SHARE = 0.5
"""An event loop that ran its timers late by this share of a timeout may have let it expire."""
_ASKS_FOR_LESS = (429, 503)
LATE_MS = 100.0
"""An event loop that is less late than this doesn't let connections expire that were given to a question."""
IDLE_S = 0.05
"""The shortest pause after which something may have forgotten a connection; real ones forget after seconds."""
NOTHING_SENT_AGAIN_MS = 900.0
"""A connect that was given up before this says nothing of lost packets, which Linux sends again after a second."""
Condition = Callable[[Figures], pl.Expr]


def _always(condition: pl.Expr) -> Condition:
    return lambda _: condition


def _agents(run: Figures, condition: pl.Expr) -> pl.Series:
    """The agents of the questions that meet a condition, each once."""
    return run.asked.select(pl.col("agent").filter(condition).unique()).to_series()


def _closed_by_client(run: Figures) -> pl.Expr:
    """Whether the pool closed the connection by its own fault, not because it saw that the agent had closed it."""
    by_agents = (KIND == "connection_lost") & pl.col("reused") & BEHIND.ne_missing("closed_by_client")
    agents_close = run.worst_lag_ms < LATE_MS and not run.failed.filter(by_agents).is_empty()
    return (BEHIND == "closed_by_client") & pl.lit(not agents_close)


def _of_dead_agents(run: Figures) -> pl.Expr:
    """Agents that died explain their failures; so does a fleet that died as a whole."""
    if run.info.workers is None:
        return (KIND == "connection_lost") & pl.lit(isinstance(run.scenario.agents, int))
    dead = [worker.agent for worker in run.info.workers if worker.deaths]
    return pl.col("agent").is_in(dead) & KIND.is_in(["connection_lost", "connect_failed", "connect_timeout"])


def _by_proxy(run: Figures) -> pl.Expr:
    proxies = (run.info.client and run.info.client.proxies) or ()
    led_elsewhere = bool(run.connections["elsewhere"]) or (bool(proxies) and run.opened == 0)
    return (BEHIND == "proxy") | (pl.lit(led_elsewhere) & KIND.is_in(["connect_failed", "connect_timeout"]))


def _leaked(run: Figures) -> pl.Expr:
    return _waited_for_the_pool(run) & pl.col("row").is_in(leaked(run).implode())


def _waited_for_the_pool(run: Figures) -> pl.Expr:
    """Whether it got no connection. A pool that was never full, as far as known, can't be the cause."""
    most, in_pool = run.client.limits.max_connections, run.largest_in_a_client("max_in_pool")
    was_full = most is not None and (in_pool is None or in_pool >= most)
    return pl.lit(was_full) & ((KIND == "pool_timeout") | ((KIND == "deadline") & (STUCK == "blocked")))


def _late_loop(run: Figures) -> pl.Expr:
    client = run.client
    limit_s = pl.coalesce(
        *(
            pl.when(f"{name}_timeout" == KIND).then(pl.lit(value, pl.Float64))
            for name, value in client.timeouts()
            if value is not None
        ),
        pl.lit(client.deadline_s),
    )
    return _TIMED_OUT & (limit_s * 1000 * _LATE_SHARE <= run.worst_lag_ms)


def _silent(run: Figures) -> pl.Expr:
    """Whether no connection to the agent was ever made."""
    connected = _agents(run, pl.col("connection").is_not_null() | OK)
    return (KIND == "connect_timeout") & (STUCK == "connecting") & ~pl.col("agent").is_in(connected.implode())


def _forgotten(run: Figures) -> pl.Expr:
    """Whether it got no answer on a reused connection, after a pause that none to its agent survived."""
    answered = run.pauses.filter(pl.col("reused") & OK).group_by("agent").agg(pl.col("pause_s").max())
    survived_s = dict(answered.collect().iter_rows())
    late = _agents(run, ~pl.col("reused") & _TIMED_OUT & (KIND != "connect_timeout"))
    works_on_new = _agents(run, ~pl.col("reused") & OK & ~pl.col("agent").is_in(late.implode()))
    no_answer = KIND.is_in(["read_timeout", "deadline"]) & (STUCK == "waiting") & pl.col("reused")
    longest_s = pl.col("agent").replace_strict(survived_s, default=0.0, return_dtype=pl.Float64).clip(IDLE_S)
    return no_answer & (pl.col("pause_s") > longest_s) & pl.col("agent").is_in(works_on_new.implode())


def _cold(run: Figures) -> pl.Expr:
    """Whether the agent had not answered yet, and answers in less than half of the question's time since."""
    by_agent = run.asked.lazy().filter(OK).group_by("agent")
    answers = by_agent.agg(ENDED.min().alias("from"), pl.col("round_trip_ms").max()).collect()
    first_s, longest_ms = (
        pl.col("agent").replace_strict(answers["agent"], answers[column], default=None, return_dtype=pl.Float64)
        for column in ("from", "round_trip_ms")
    )
    return _TIMED_OUT & (STUCK == "waiting") & (first_s >= ENDED) & (longest_ms <= pl.col("round_trip_ms") / 2)


def _never_answers(run: Figures) -> pl.Expr:
    answered = _agents(run, OK)
    others_do = answered.len() > 0
    return (STUCK == "waiting") & _TIMED_OUT & ~pl.col("agent").is_in(answered.implode()) & pl.lit(others_do)


CAUSES: dict[str, Condition] = {
    "closed_by_client": _closed_by_client,
    "not_started": _always(KIND == "not_started"),
    "agent_died": _of_dead_agents,
    "unknown_name": _always(BEHIND == "name_unknown"),
    "resolver_failed": _always(BEHIND == "name_temporary"),
    "exhausted": _always(BEHIND.is_in(["no_local_port", "too_many_files"])),
    "proxy": _by_proxy,
    "leaked_slots": _leaked,
    "full_pool": _waited_for_the_pool,
    "lookup": _always(_TIMED_OUT & (STUCK == "resolving")),
    "late_loop": _late_loop,
    "silent_agent": _silent,
    "short_connect": _always(_TIMED_OUT & (STUCK == "connecting") & (pl.col("connecting_ms") < NOTHING_SENT_AGAIN_MS)),
    "full_backlog": _always(_TIMED_OUT & (STUCK == "connecting")),
    "tls": _always((BEHIND == "tls") | (_TIMED_OUT & (STUCK == "tls_handshaking"))),
    "refused": _always(BEHIND == "refused"),
    "unreachable": _always(BEHIND == "unreachable"),
    "forgotten": _forgotten,
    "never_answers": _never_answers,
    "cold_start": _cold,
    "too_little_time": _always(_TIMED_OUT & (STUCK == "waiting")),
    "slow_upload": _always((KIND == "write_timeout") | (_TIMED_OUT & (STUCK == "sending"))),
    "slow_download": _always(_TIMED_OUT & (STUCK == "receiving")),
    "stale_connection": _always((KIND == "connection_lost") & pl.col("reused") & (pl.col("receiving_ms") == 0)),
    "broken_off": _always(
        (KIND == "connection_lost") | ((KIND == "connect_failed") & BEHIND.is_in(["reset", "broken_pipe", "closed"]))
    ),
    "redirect": _always(BEHIND == "redirect"),
    "asked_for_less": _always((KIND == "http_status") & STATUS.is_in(_ASKS_FOR_LESS)),
    "status": _always(KIND == "http_status"),
    "wrong_answer": _always(KIND.is_in(["bad_response", "too_large"])),
}
"""The causes by name, in order."""


def explained(run: Figures) -> pl.DataFrame:
    """The failed questions with their `cause`; it is null where none is known."""
    if run.failed.is_empty():  # the conditions look at all questions, of which there may be a million
        return run.failed.with_columns(cause=pl.lit(None, pl.String))
    phases = [phase for phase in PHASES if phase != "late"]  # which says nothing about what followed
    spent = [column_of(phase) for phase in phases]
    longest = pl.max_horizontal(spent)
    stuck = pl.coalesce(
        *(pl.when(pl.col(column_of(phase)) == longest).then(pl.lit(phase)) for phase in phases), pl.lit(None, pl.String)
    )
    pauses = run.pauses.filter(pl.col("status") == "failed").select("row", "pause_s").collect()
    failed = run.failed.join(pauses, on="row", how="left", maintain_order="left").with_columns(stuck=stuck)
    conditions = (pl.when(condition(run)).then(pl.lit(name)) for name, condition in CAUSES.items())
    return failed.with_columns(cause=pl.coalesce(*conditions))
