"""Why a question failed: one word to count by, and a sentence that a user understands."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from fanout.protocols import BadResponse
from fanout.scenario import Client


class BadStatus(Exception):  # noqa: N818
    """An answer with a status other than 2xx."""


class ResponseTooLarge(Exception):  # noqa: N818
    """A response with more bytes than the scenario's max_response_bytes."""


class DeadlineExceeded(Exception):  # noqa: N818
    """The whole question took longer than the scenario's deadline_s."""


Sentence = Callable[[Exception, Client], str]


def _as_raised(error: Exception, _client: Client) -> str:
    return str(error) or type(error).__name__


def _seconds(limit: float | None) -> str:
    return "the system's own time" if limit is None else f"{limit:g} s"


# The first class that fits decides, so subclasses stand before their bases.
_KINDS: tuple[tuple[type[Exception], str, Sentence], ...] = (
    (BadResponse, "bad_response", _as_raised),
    (BadStatus, "http_status", _as_raised),
    (
        ResponseTooLarge,
        "too_large",
        lambda _, c: f"the response is larger than max_response_bytes, {c.max_response_bytes}: it was cut off",
    ),
    (DeadlineExceeded, "deadline", lambda _, c: f"not answered within deadline_s, {c.deadline_s:g} s"),
    (
        httpx.PoolTimeout,
        "pool_timeout",
        lambda _, c: f"no free connection in the pool within {_seconds(c.timeouts().pool)}",
    ),
    (httpx.ConnectTimeout, "connect_timeout", lambda _, c: f"not connected within {_seconds(c.timeouts().connect)}"),
    (httpx.ReadTimeout, "read_timeout", lambda _, c: f"nothing received for {_seconds(c.timeouts().read)}"),
    (httpx.WriteTimeout, "write_timeout", lambda _, c: f"nothing could be sent for {_seconds(c.timeouts().write)}"),
    (httpx.ConnectError, "connect_failed", lambda e, _: f"could not connect: {e}"),
    (httpx.RemoteProtocolError, "connection_lost", lambda e, _: f"the agent broke off: {e}"),
    (httpx.NetworkError, "connection_lost", lambda e, _: f"the connection broke: {str(e) or type(e).__name__}"),
    (httpx.DecodingError, "bad_response", _as_raised),
    (Exception, "unexpected", lambda e, _: f"{type(e).__name__}: {e}"),
)


def explain(error: Exception, client: Client) -> tuple[str, str]:
    """The failure's kind and sentence; `client` is the scenario's, for the limits that were exceeded."""
    return next((kind, sentence(error, client)) for cls, kind, sentence in _KINDS if isinstance(error, cls))
