"""fanout.locust_plugin.distributed._lines: what a master and its workers say, and what the master refuses to hear."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from fanout.locust_plugin.distributed import _lines
from fanout.locust_plugin.distributed._lines import (
    FromMaster,
    FromWorker,
    Hello,
    Order,
    Stop,
    from_master,
    from_worker,
    to_line,
)
from fanout.outcome import Outcome
from helpers.messages import FROM_MASTER, FROM_WORKER


def test_each_kind_of_line_is_read_as_it_was_said() -> None:
    assert {type(said) for said in FROM_WORKER} == set(get_args(FromWorker))
    assert {type(said) for said in FROM_MASTER} == set(get_args(FromMaster))
    for said in FROM_WORKER:
        assert from_worker(json.loads(json.dumps(to_line(said)))) == said
    for order in FROM_MASTER:
        assert from_master(json.loads(json.dumps(to_line(order)))) == order


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"is": "Order"},
        {"is": "Hello"},
        {"is": None},
        {"is": ["Hello"]},
        {"is": "Begun", "run": 0},
        {"is": "Begun", "run": "1"},
        {"is": "Progress", "users": 1, "done": -1, "planned": 0},
        {"is": "ClockRead", "sent": 1.0, "at": float("nan")},
        {"is": "CoordinatorEnded", "info": {}},
        {**to_line(next(said for said in FROM_WORKER if isinstance(said, Outcome))), "agent": 0},
        {**to_line(next(said for said in FROM_WORKER if isinstance(said, Outcome))), "status": "fine"},
    ],
    ids=str,
)
def test_what_no_worker_says_is_refused(line: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        from_worker(line)


def test_a_worker_s_words_are_no_orders() -> None:
    hello = next(said for said in FROM_WORKER if isinstance(said, Hello))
    with pytest.raises(ValueError, match="unknown kind"):
        from_master(to_line(hello))
    with pytest.raises(ValueError, match="drain_s"):
        from_master({**to_line(Stop(1.0)), "drain_s": -1})
    assert {Order, Stop} <= set(_lines._OF_MASTER.values())
