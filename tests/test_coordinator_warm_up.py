from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys

import pytest

from fanout import protocols
from fanout.coordinator.warm_up import warm_up
from fanout.errors import ExitCode
from fanout.protocols import CoordinatorEnd, Message, Question
from helpers.paths import ROOT


@pytest.mark.parametrize("name", protocols.names())
def test_it_asks_nobody_else_and_leaves_nothing_behind(name: str) -> None:
    end = protocols.load(name).coordinator()
    encoded: list[Question] = []

    class Watched(CoordinatorEnd):
        def encode(self, question: Question) -> Message:
            encoded.append(question)
            return end.encode(question)

        def decode(self, body: object) -> str:
            raise NotImplementedError

    async def go() -> None:
        await warm_up(Watched())
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(go())
    assert {question.id for question in encoded} == {"warm-up"}


@pytest.mark.process
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs Linux's unshare")
def test_a_machine_without_enough_ports_is_one_line() -> None:
    network = "ip link set lo up && echo 40000 40023 >/proc/sys/net/ipv4/ip_local_port_range"
    if subprocess.run(["unshare", "-Urn", "sh", "-c", network], capture_output=True, check=False).returncode:
        pytest.skip("a network of one's own is not permitted here")
    ask = f"{sys.executable} -m fanout.coordinator scenarios/base.yaml --agents http://127.0.0.1:9 --rounds 1"
    command = ["unshare", "-Urn", "sh", "-c", f"{network} && exec {ask}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=ROOT)
    assert done.returncode == ExitCode.NO_DATA
    (line,) = done.stderr.splitlines()
    assert "no free local port" in line
