from __future__ import annotations

import math
from typing import Any

import pytest

from fanout.outcome import BY_NAME, COLUMNS, Outcome
from fanout.phases import PHASES, column_of

OK = Outcome(
    question_id="7",
    round=1,
    coordinator=2,
    agent=3,
    status="ok",
    started=1_700_000_000.25,
    round_trip_ms=12.5,
    service_ms=10.0,
    adapter_ms=2.5,
    reused=True,
    connection="2-9",
    in_flight=4,
)
FAILED = Outcome(
    question_id='q,"1"\n',
    round=0,
    coordinator=1,
    agent=1,
    status="failed",
    error_kind="http_status",
    error_cause="redirect",
    http_status=307,
    error="a, b\nc",
    in_flight=3,
)


def test_the_columns_are_those_of_questions_csv_in_order() -> None:
    assert ",".join(column.name for column in COLUMNS) == (
        "question_id,round,coordinator,agent,status,error_kind,error,error_cause,http_status,started,round_trip_ms,"
        "service_ms,adapter_ms,late_ms,"
        "encode_ms,blocked_ms,resolving_ms,connecting_ms,tls_handshaking_ms,sending_ms,waiting_ms,receiving_ms,decode_ms,"
        "reused,connection,in_flight,attempts,request_bytes,response_bytes,locust_worker"
    )


@pytest.mark.parametrize("outcome", [OK, FAILED])
def test_an_outcome_survives_json_and_csv(outcome: Outcome) -> None:
    assert Outcome.from_json(outcome.to_json()) == outcome
    cells = zip(COLUMNS, outcome.to_row(), strict=True)
    assert Outcome.from_json({column.name: column.read(cell) for column, cell in cells}) == outcome


def test_what_is_not_known_is_empty_and_never_zero() -> None:
    row = dict(zip(BY_NAME, OK.to_row(), strict=True))
    assert row["blocked_ms"] == "" and row["error"] == ""
    assert (row["reused"], row["adapter_ms"], row["started"]) == ("true", "2.5", "1700000000.25")


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("status", "fine"),
        ("reused", "yes"),
        ("round", ""),
        ("round", "-1"),
        ("agent", "0"),
        ("adapter_ms", "x"),
        ("adapter_ms", "nan"),
        ("adapter_ms", "1e13"),
        ("in_flight", ""),
        ("in_flight", "1.5"),
    ],
)
def test_a_cell_that_is_not_one_is_refused_by_its_column_s_name(column: str, cell: str) -> None:
    with pytest.raises(ValueError, match=column):
        BY_NAME[column].read(cell)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "fine"),
        ("status", 1),
        ("question_id", 7),
        ("reused", 1),
        ("reused", "true"),
        ("round", None),
        ("round", -1),
        ("round", 1.0),
        ("round", True),
        ("agent", 0),
        ("adapter_ms", "1"),
        ("adapter_ms", math.nan),
        ("adapter_ms", math.inf),
        ("adapter_ms", 10**400),
    ],
)
def test_an_outcome_of_another_process_has_to_be_one(column: str, value: Any) -> None:
    good = Outcome("1", 1, 1, 1, "ok", adapter_ms=3, reused=True, in_flight=1).to_json()
    assert Outcome.read(good) == Outcome("1", 1, 1, 1, "ok", adapter_ms=3, reused=True, in_flight=1)
    with pytest.raises(ValueError, match=column):
        Outcome.read({**good, column: value})


def test_each_column_says_what_it_is() -> None:
    assert all(column.about and column.values for column in COLUMNS)
    assert {column_of(phase) for phase in PHASES} < set(BY_NAME)


def test_columns_that_are_missing_are_not_known() -> None:
    found = Outcome.from_json({"question_id": "1", "round": 1, "coordinator": 1, "agent": 1, "status": "ok"})
    assert (found.in_flight, found.adapter_ms, found.phases_ms) == (None, None, None)
