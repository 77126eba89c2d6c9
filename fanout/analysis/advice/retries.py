"""Questions that are tried again in vain."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._advice import Change
from fanout.analysis.advice._facts import Advice, Facts, rule
from fanout.analysis.advice._remedies import RETRIES, RETRY

AGAIN = 0.9
"""The least share of the repeated questions that must fail again."""
NEW_CONNECTION = ("stale_connection", "forgotten")
"""Causes of failures that a new connection avoids."""
_CONNECTING = pl.col("error_kind").is_in(["connect_failed", "connect_timeout"])
_BROKEN = pl.col("error_kind").is_in(["connection_lost", "read_timeout", "write_timeout"])


@rule
def retries_of_connects_only(facts: Facts) -> Iterator[Advice]:
    """httpx's `retries` repeat connecting, and nothing else: neither a lost connection nor a timeout of an answer."""
    retries, failed = facts.client.retries, facts.failed.height
    connecting, broken = facts.failed.filter(_CONNECTING).height, facts.failed.filter(_BROKEN).height
    if not retries or not (connecting or broken):
        return
    less = {RETRIES: 0} if _never_helped(facts) else {}
    changes = (Change(less, "httpx.AsyncHTTPTransport(retries=0)"),) if less else ()
    remedy = "remove the cause of these failures"
    if broken > connecting:
        finding = f"did not repeat {broken} of {failed} failed questions, because httpx's retries repeat only connects"
        if facts.because(*NEW_CONNECTION).height > broken / 2 and not facts.scenario.dispatch.retry:
            remedy = f"set {RETRY} to 1, which asks the whole question again"
            changes = (Change({RETRY: 1, **less}, "for attempt in range(2):  # where asking twice does no harm"),)
    elif changes:
        finding = f"tried {connecting} connects {retries + 1} times in vain"
    else:
        return
    yield Advice(f"{RETRIES}: {retries} {finding}", remedy, changes)


def _never_helped(facts: Facts) -> bool:
    """Whether no question was connected after a failed attempt."""
    attempts = facts.connections["not_opened"] if facts.coordinators else None
    return attempts is not None and attempts <= (facts.client.retries + 1) * facts.failed.filter(_CONNECTING).height


@rule
def questions_asked_again_in_vain(facts: Facts) -> Iterator[Advice]:
    again = facts.asked.filter(pl.col("attempts") > 1)
    failed = again.filter(pl.col("status") == "failed")
    if failed.is_empty() or failed.height < AGAIN * again.height:
        return
    more = int(failed["attempts"].sum()) - failed.height
    yield Advice(
        f"{failed.height} of {again.height} questions that were asked again failed again, after {more} more attempts",
        f"these failures last, so remove their cause; with {RETRY} at 0, the agents have less to do",
        (Change({RETRY: 0}, "# ask once"),),
    )
