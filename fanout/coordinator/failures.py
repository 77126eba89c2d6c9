"""Explains why a question failed: a word for counting, what was behind it, and a sentence for people."""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import anyio

from fanout.coordinator.clients import (
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    PoolTimeoutError,
    ProxyRefusedError,
    ReadTimeoutError,
    RemoteProtocolError,
    WriteTimeoutError,
)
from fanout.protocols import BadResponse
from fanout.scenario import ClientSettings
from fanout.text import printable, shorten

_LOG = logging.getLogger(__name__)


class BadStatus(Exception):  # noqa: N818
    """The response's status is not 2xx."""


class Redirected(BadStatus):
    """The response names another address."""


class ResponseTooLarge(Exception):  # noqa: N818
    """The response has more bytes than the scenario's max_response_bytes."""


class DeadlineExceeded(Exception):  # noqa: N818
    """The whole question took longer than the scenario's deadline_s."""


class TooLate(Exception):  # noqa: N818
    """The question could not start within the scenario's deadline_s of its intended start."""


UNEXPECTED = "unexpected"
"""The kind of all other failures, which are bugs in fanout."""
MAX_TRACEBACKS = 10
"""Tracebacks that one coordinator logs: a bug in each of a million questions must not fill a disk."""
MAX_CHARACTERS = 300
"""The longest sentence: an agent can make its own texts as long as it likes."""

Sentence = Callable[[Exception, ClientSettings], str]


def _as_raised(error: Exception, _client: ClientSettings) -> str:
    return str(error) or type(error).__name__


_WORDS = {
    errno.ECONNREFUSED: "connection refused: is the agent running?",
    errno.EADDRNOTAVAIL: "no free local port left, or no such address here: keep connections alive (client.limits), or "
    "use fewer coordinators",
    errno.EMFILE: "too many open files: raise the limit with ulimit -n, or use fewer agents",
    errno.ENFILE: "too many open files on this machine: use fewer agents or coordinators",
    errno.ENETUNREACH: "network unreachable: is the agent's address right, and this machine on its network?",
    errno.EHOSTUNREACH: "host unreachable: is the agent's address right, and its machine up?",
    errno.ETIMEDOUT: "the system's timeout expired: is the agent's machine up, and no firewall in between?",
    errno.ECONNRESET: "the agent reset the connection: look for the cause in its log",
    errno.EPIPE: "the agent closed the connection during sending: look for the cause in its log",
}
"""The system's errors about a connection, and what to do about them."""


_RESOLVER_WORDS = {
    "name_unknown": "is the agent's host name right?",
    "name_temporary": "the resolver could not answer for now; the name may be right",
}
_TEMPORARY = (socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_MEMORY)
_CAUSES = {
    errno.ECONNREFUSED: "refused",
    errno.EADDRNOTAVAIL: "no_local_port",
    errno.EMFILE: "too_many_files",
    errno.ENFILE: "too_many_files",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "broken_pipe",
}


_ABOUT_A_CONNECTION = (OSError, anyio.ClosedResourceError, anyio.BrokenResourceError)


@dataclass(frozen=True)
class Failure:
    """Why a question failed."""

    kind: str
    """A word for counting: `error_kind` in questions.csv."""
    cause: str | None
    """What was behind it: `error_cause` in questions.csv; None if the error doesn't tell."""
    sentence: str
    """The failure for people. It is safe for tables, logs and terminals, though an agent may have sent parts of it."""


def _number_of(error: BaseException) -> int | None:
    """The system's number of the error that explains this one, if it is one that _WORDS knows."""
    numbers = [
        each.errno for each in _causes(error) if isinstance(each, OSError) and not isinstance(each, ssl.SSLError)
    ]
    # localhost has two addresses. If this machine lacks one of them, its error tells the least, so it comes last.
    known = sorted((number for number in numbers if number in _WORDS), key=lambda number: number == errno.EADDRNOTAVAIL)
    return known[0] if known else None


def _cause_of(error: Exception) -> str | None:
    """The word for what is behind an error of a connection."""
    causes = list(_causes(error))
    if any(isinstance(each, anyio.ClosedResourceError) for each in causes):
        return "closed_by_client"
    if (lookup := next((each for each in causes if isinstance(each, socket.gaierror)), None)) is not None:
        return "name_temporary" if lookup.errno in _TEMPORARY else "name_unknown"
    if (number := _number_of(error)) is not None:
        return _CAUSES.get(number)
    if any(isinstance(each, ssl.SSLError) for each in causes):
        return "tls"
    return _cause_by_class(error)


def _cause_by_class(error: Exception) -> str | None:
    if isinstance(error, ConnectError):
        return "proxy" if isinstance(error, ProxyRefusedError) else None
    # h11 says "Server disconnected without sending a response." or "peer closed connection without sending …".
    is_closed = any(words in str(error) for words in ("disconnected", "closed connection", "closed the connection"))
    return "not_http" if isinstance(error, RemoteProtocolError) and not is_closed else "closed"


def _by_system(error: Exception) -> str:
    """The system's explanation: a client's own may be no more than "All connection attempts failed"."""
    cause = _cause_of(error)
    if cause == "closed_by_client":
        return "the client closed it while the question was using it"
    if cause in _RESOLVER_WORDS:
        return f"{error}: {_RESOLVER_WORDS[cause]}"
    if (number := _number_of(error)) is not None:
        return _WORDS[number]
    return str(error) or next((str(each) for each in _causes(error) if str(each)), "the agent closed it")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all of its causes. anyio groups the errors of a host's several addresses.

    httpcore raises its errors `from None`, so what was being handled then explains them too, but only if it is about a
    connection: anything else was merely there at the time.
    """
    yield error
    behind = error.__cause__
    if behind is None and isinstance(error.__context__, _ABOUT_A_CONNECTION):
        behind = error.__context__
    grouped = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for cause in (*grouped, behind):
        if cause is not None:
            yield from _causes(cause)


def _seconds(limit: float | None) -> str:
    return "the system's own timeout" if limit is None else f"{limit:g} s"


# The first class that matches counts, so subclasses come before their bases.
_KINDS: tuple[tuple[type[Exception], str, Sentence], ...] = (
    (BadResponse, "bad_response", _as_raised),
    (BadStatus, "http_status", _as_raised),
    (
        ResponseTooLarge,
        "too_large",
        lambda _, c: f"the response is larger than max_response_bytes, {c.max_response_bytes}: it was cut off",
    ),
    (
        TooLate,
        "not_started",
        lambda _, c: f"it could not start within deadline_s, {c.deadline_s:g} s, of its intended start",
    ),
    (DeadlineExceeded, "deadline", lambda _, c: f"not answered within deadline_s, {c.deadline_s:g} s"),
    (
        PoolTimeoutError,
        "pool_timeout",
        lambda _, c: f"no free connection in the pool within {_seconds(c.timeouts().pool)}",
    ),
    (
        ConnectTimeoutError,
        "connect_timeout",
        lambda _, c: f"not connected within {_seconds(c.timeouts().connect)}",
    ),
    (ReadTimeoutError, "read_timeout", lambda _, c: f"nothing received for {_seconds(c.timeouts().read)}"),
    (
        WriteTimeoutError,
        "write_timeout",
        lambda _, c: f"nothing could be sent for {_seconds(c.timeouts().write)}",
    ),
    (ConnectError, "connect_failed", lambda e, _: f"could not connect: {_by_system(e)}"),
    (RemoteProtocolError, "connection_lost", lambda e, _: f"the response was cut off or not HTTP: {_by_system(e)}"),
    (ConnectionLostError, "connection_lost", lambda e, _: f"the connection broke: {_by_system(e)}"),
    (Exception, UNEXPECTED, lambda e, _: f"{type(e).__name__}: {e}"),
)


def explain(error: Exception, client: ClientSettings) -> Failure:
    """Why a question failed. `client` has the scenario's limits, for the one that was exceeded."""
    kind, text = next((kind, sentence(error, client)) for cls, kind, sentence in _KINDS if isinstance(error, cls))
    cause = _cause_of(error) if isinstance(error, ConnectError | ConnectionLostError) else None
    if isinstance(error, Redirected):
        cause = "redirect"
    return Failure(kind, cause, shorten(printable(text), MAX_CHARACTERS))


class BugReports:
    """Logs the tracebacks of unexpected failures: the first for each place in the code, up to MAX_TRACEBACKS."""

    def __init__(self) -> None:
        self._logged: set[tuple[type[Exception], str, int]] = set()

    def add(self, error: Exception, sentence: str) -> None:
        """`sentence` ends the traceback. It is explain()'s, since parts of the error's text may come from an agent."""
        *_, (frame, line) = traceback.walk_tb(error.__traceback__)
        bug = (type(error), frame.f_code.co_filename, line)
        if bug in self._logged or len(self._logged) == MAX_TRACEBACKS:
            return
        self._logged.add(bug)
        stack = "".join(traceback.format_tb(error.__traceback__))
        _LOG.error(
            "a question failed because of a bug in fanout; please report it with this:\n"
            "Traceback (most recent call last):\n%s%s",
            stack,
            sentence,
        )
