"""One line of each kind that a master and its workers say to each other."""

from __future__ import annotations

from fanout.coordinator.snapshot import Snapshot
from fanout.locust_plugin.distributed._lines import (
    Begun,
    ClockRead,
    CoordinatorEnded,
    Counters,
    Ended,
    Failed,
    FromMaster,
    FromWorker,
    Hello,
    NumberGiven,
    Order,
    Progress,
    ReadClock,
    Refused,
    Stop,
    WantsNumber,
)
from fanout.runs.schema import AgentConnections, ClientInfo, CoordinatorInfo, EffectiveLimits, LoadShares
from helpers.runs import OUTCOMES

FROM_WORKER: list[FromWorker] = [
    Hello(fanout="0.1.0", host="a", pid=7, machine={"cpus": 2, "cpu": None}, network="b", family="c"),
    Begun(1),
    ClockRead(1.5, 1.75),
    WantsNumber(),
    Progress(2, 1, 100),
    Snapshot(
        coordinator=1,
        at_s=1.5,
        asked=4,
        due=None,
        in_flight=2,
        open=2,
        in_pool=3,
        opened=3,
        reused=1,
        lookups_waiting=1,
        threads_busy=6,
        lag_ms=0.25,
        cpu_s=0.5,
    ),
    Counters(CoordinatorInfo(1, asked=4)),
    Failed("coordinator 1 died"),
    *OUTCOMES,
    CoordinatorEnded(CoordinatorInfo(1, asked=12, agents=(AgentConnections(agent=1, opened=3),))),
    Ended(ClientInfo("shared", limits=EffectiveLimits(100, 20, 5.0)), LoadShares(0.5, 0.0), is_early=True),
]
FROM_MASTER: list[FromMaster] = [
    Order(
        run=1,
        scenario="name: a",
        questions=None,
        addresses=("http://127.0.0.1:1",),
        ca_pem=None,
        is_one_round=True,
        is_watched=True,
    ),
    ReadClock(1.5),
    NumberGiven(3),
    Stop(30.0),
    Refused("it runs another version"),
]
