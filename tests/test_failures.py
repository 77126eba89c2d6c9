from __future__ import annotations

import inspect

import httpx
import pytest

from fanout.failures import explain
from fanout.scenario import Client

ERRORS = [
    error
    for _, error in inspect.getmembers(httpx, inspect.isclass)
    if issubclass(error, httpx.TransportError | httpx.DecodingError)
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_of_httpx_s_has_a_kind_and_a_sentence(error: type[Exception]) -> None:
    for client in (Client(), Client(timeout_s=None)):
        kind, sentence = explain(error("it broke"), client)
        assert kind.replace("_", "").isalpha()
        assert sentence


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectTimeout(""), ("connect_timeout", "not connected within 5 s")),
        (httpx.PoolTimeout(""), ("pool_timeout", "no free connection in the pool within 5 s")),
        (httpx.ReadError(""), ("connection_lost", "the connection broke: ReadError")),
        (ValueError("x"), ("unexpected", "ValueError: x")),
    ],
)
def test_kinds(error: Exception, expected: tuple[str, str]) -> None:
    assert explain(error, Client()) == expected
