from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fanout.outcome import Outcome
from fanout.phases import PHASES
from fanout.runs.schema import SCHEMA, CoordinatorInfo, FormInfo, RunInfo, info_of, part_of
from fanout.web.live import About, LiveRun
from helpers.runs import SNAPSHOT, coordinator, question
from helpers.scenarios import scenario_of

BEGUN = RunInfo(schema=SCHEMA, scenario="small", agents=("http://127.0.0.1:1",))


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("fanout.web.live.time.monotonic", clock)
    return clock


def live_run(**keys: Any) -> LiveRun:
    about = About(
        id="20260101-000000-small", scenario=scenario_of(**keys), question="What?", against=None,
        until="after one round", form=FormInfo(is_one_round=True, settings={"agents": "4"}),
    )  # fmt: skip
    return LiveRun(about, Path("results/x"), BEGUN, lambda: 12)


def test_the_whole_state_is_json_from_the_beginning_on(clock: Clock) -> None:
    run = live_run()
    clock.now_s += 2.5
    found = json.loads(json.dumps(run.to_json("all", "")))
    assert found["run"]["name"] == "small" and found["run"]["elapsed_s"] == 2.5
    assert found["totals"]["planned"] == 12 and found["totals"]["mean_ms"] is None
    assert (found["series"]["first"], found["series"]["total"]) == (0, 3)
    assert set(PHASES) <= found["series"]["columns"].keys()
    assert {len(values) for values in found["series"]["columns"].values()} == {3}
    assert found["views"] == [{"key": "all", "label": found["views"][0]["label"]}]


def test_the_token_brings_only_what_has_changed(clock: Clock) -> None:
    run = live_run()
    clock.now_s += 3.2
    run.add(question(1, agent=1))
    first = run.to_json("all", "")
    clock.now_s += 2
    run.add(question(2, agent=2))
    second = run.to_json("all", first["since"])
    assert (second["series"]["first"], second["series"]["total"]) == (2, 6)
    assert second["series"]["columns"]["questions"] == [0, 1, 0, 1]
    assert (second["heat"]["first"], len(second["heat"]["cells"])) == (2, 4)
    assert run.to_json("all", second["since"])["series"]["first"] == 4


@pytest.mark.parametrize(
    "token", ["", "x", "1", "....", "START", "START.999.999", "START.-5.-5", "START.².²", "START.6.6.6", "9" * 5000]
)
def test_an_unknown_token_brings_everything(clock: Clock, token: str) -> None:
    run = live_run()
    clock.now_s += 5
    start = run.to_json("all", "")["since"].removesuffix(".6.6")
    assert run.to_json("all", f"{start}.6.6")["series"]["first"] == 4
    assert run.to_json("all", token.replace("START", start))["series"]["first"] == 0


def test_merged_buckets_are_sent_again(clock: Clock) -> None:
    run = live_run()
    clock.now_s += 590
    token = run.to_json("all", "")["since"]
    clock.now_s += 20
    found = run.to_json("all", token)["series"]
    assert (found["first"], found["width_s"]) == (0, 2.0)


def test_the_end_keeps_the_last_state(clock: Clock) -> None:
    run = live_run()
    run.add(question(1, agent=1))
    clock.now_s += 1
    run.stop()
    before = run.to_json("all", "")
    clock.now_s += 1000
    assert run.to_json("all", "") == before
    assert before["totals"]["planned"] == 12


def test_each_locust_worker_has_a_view(clock: Clock) -> None:
    run = live_run()
    run.add(replace(question(1, agent=1), locust_worker=1))
    run.add(replace(question(2, agent=1), locust_worker=10))
    run.note(replace(SNAPSHOT, open=2), 1)
    run.note(replace(SNAPSHOT, coordinator=2, open=3), 2)
    assert [view["key"] for view in run.to_json("all", "")["views"]] == ["all", "1", "2", "10"]
    both, one, unknown = (run.to_json(view, "") for view in ("all", "1", "../etc"))
    assert (both["totals"]["ok"], both["totals"]["open"]) == (2, 5)
    assert (one["view"], one["totals"]["ok"], one["totals"]["open"], one["totals"]["planned"]) == ("1", 1, 2, None)
    assert unknown["view"] == "all"
    assert both["run"]["users"] == 2
    clock.now_s += 1
    assert run.to_json("1", both["since"])["series"]["first"] == 0  # the token is another view's


def test_what_a_lost_worker_was_doing_is_over(clock: Clock) -> None:
    run = live_run()
    run.note(replace(SNAPSHOT, open=2, opened=2), 1)
    run.note(replace(SNAPSHOT, coordinator=2, open=3, opened=3), 2)
    run.note_lost(1)
    run.note_lost(7)
    both, one = (run.to_json(view, "") for view in ("all", "1"))
    assert (both["totals"]["open"], both["totals"]["opened"], both["run"]["users"]) == (3, 5, 1)
    assert (one["totals"]["open"], one["totals"]["opened"]) == (0, 2)
    run.note(replace(SNAPSHOT, open=1, opened=4), 1)  # it is back
    assert run.to_json("all", "")["totals"]["open"] == 4


def test_views_are_bounded(clock: Clock) -> None:
    run = live_run()
    for worker in range(1, 200):
        run.add(replace(question(1, agent=1), locust_worker=worker))
    found = run.to_json("all", "")
    assert len(found["views"]) == 65 and found["totals"]["ok"] == 199


def test_latencies_that_no_page_can_read_are_left_out(clock: Clock) -> None:
    run = live_run()
    run.add(Outcome("1", 1, 1, 1, "ok", adapter_ms=float("1e308")))
    run.add(Outcome("2", 1, 1, 1, "ok", adapter_ms=float("1e308")))
    json.dumps(run.to_json("all", ""), allow_nan=False)


def test_what_run_json_would_say_now(clock: Clock) -> None:
    run = live_run()
    for number in (2, 1):
        run.note_counters(replace(part_of(CoordinatorInfo, coordinator(agents=4)), coordinator=number))
    info = info_of(json.loads(json.dumps(run.info_so_far())))
    assert [each.coordinator for each in info.coordinators] == [1, 2]
    assert info.connections.opened == 8 and info.agents == BEGUN.agents and info.ended is None


def test_limits_and_threads_are_those_of_all_coordinators_together(clock: Clock) -> None:
    run = live_run(client={"topology": "per_agent"}, coordinator={"executor": {"threads": 6}})
    run.note(SNAPSHOT)
    run.note(replace(SNAPSHOT, coordinator=2))
    about = run.to_json("all", "")["run"]
    assert (about["clients"], about["threads"], about["agents"]) == (8, 12, 4)
    assert live_run(client={"topology": "per_question"}).to_json("all", "")["run"]["clients"] is None
