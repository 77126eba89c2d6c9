"""Questions that are tried again in vain."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._advice import Change
from fanout.analysis.advice._facts import Advice, Facts, rule
from fanout.analysis.advice._remedies import RETRIES, RETRY

AGAIN = 0.5
"""The least share of the repeated questions that must fail again."""
NO_ANSWER = ("stale_connection", "forgotten")
"""Causes of failures that a new connection cures."""


@rule
def retries_of_connects_only(facts: Facts) -> Iterator[Advice]:
    """httpx's `retries` repeat connecting, and nothing else: neither a lost connection nor a timeout of an answer."""
    retries, failed = facts.client.retries, facts.failed
    if not retries or failed.is_empty():
        return
    connecting = failed.filter(pl.col("error_kind").is_in(["connect_failed", "connect_timeout"])).height
    others = failed.height - connecting
    what = f"did not try {others} of {failed.height} failures again, since they are repeated for connects only"
    if others < connecting:
        what = f"tried {connecting} connects {retries + 1} times in vain"
    cured = facts.because(*NO_ANSWER).height
    if cured > failed.height / 2 and not facts.scenario.dispatch.retry:
        remedy = f"set {RETRY} to 1, which asks again: on a new connection these questions would be answered"
        change = Change({RETRY: 1, RETRIES: 0}, "for attempt in range(2):  # where asking twice does no harm")
    else:
        remedy = f"remove the cause of the failures; {RETRIES}: 0 loses no answer here"
        change = Change({RETRIES: 0}, "httpx.AsyncHTTPTransport(retries=0)")
    yield Advice(f"{RETRIES}: {retries} {what}", remedy, (change,))


@rule
def questions_asked_again_in_vain(facts: Facts) -> Iterator[Advice]:
    again = facts.asked.filter(pl.col("attempts") > 1)
    failed = again.filter(pl.col("status") == "failed")
    if failed.is_empty() or failed.height < AGAIN * again.height:
        return
    lost = int(failed["attempts"].sum()) - failed.height
    yield Advice(
        f"{failed.height} of {again.height} questions that were asked again failed again, after {lost} attempts more",
        f"these failures last, so remove their cause, and set {RETRY} to 0: asking again only adds load",
        (Change({RETRY: 0}, "# ask once"),),
    )
