from __future__ import annotations

import pytest

from fanout.outcome import COLUMNS, Outcome

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
    question_id='q,"1"\n', round=0, coordinator=1, agent=1, status="failed", error_kind="deadline", error="a, b\nc"
)


def test_the_columns_are_those_of_questions_csv_in_order() -> None:
    assert ",".join(COLUMNS) == (
        "question_id,round,coordinator,agent,status,error_kind,error,started,round_trip_ms,service_ms,adapter_ms,"
        "encode_ms,blocked_ms,resolving_ms,connecting_ms,tls_handshaking_ms,sending_ms,waiting_ms,receiving_ms,decode_ms,"
        "reused,connection,in_flight"
    )


@pytest.mark.parametrize("outcome", [OK, FAILED])
def test_an_outcome_survives_json_and_csv(outcome: Outcome) -> None:
    assert Outcome.from_json(outcome.to_json()) == outcome
    assert Outcome.from_row(dict(zip(COLUMNS, outcome.to_row(), strict=True))) == outcome


def test_what_is_not_known_is_empty_and_never_zero() -> None:
    row = dict(zip(COLUMNS, OK.to_row(), strict=True))
    assert row["blocked_ms"] == "" and row["error"] == ""
    assert (row["reused"], row["adapter_ms"], row["started"]) == ("true", "2.5", "1700000000.25")


@pytest.mark.parametrize(
    ("column", "value"), [("status", "fine"), ("reused", "yes"), ("round", ""), ("adapter_ms", "x")]
)
def test_a_row_that_is_not_one_is_refused(column: str, value: str) -> None:
    row = {**dict(zip(COLUMNS, OK.to_row(), strict=True)), column: value}
    with pytest.raises((KeyError, ValueError)):
        Outcome.from_row(row)
