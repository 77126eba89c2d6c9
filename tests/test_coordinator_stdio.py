from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

ECHO = """
import asyncio, json
from fanout.coordinator.stdio import Output, input_lines

async def main():
    loop = asyncio.get_running_loop()
    output = await Output.opened(loop)
    lines = input_lines(loop)
    while (line := await lines.get()) is not None:
        output.emit(json.loads(line), awaited=b"now" in line)
    await output.close()

asyncio.run(main())
"""


def echoed(lines: list[object]) -> list[object]:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run(
        [sys.executable, "-c", ECHO], input=text, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_lines_keep_their_order_when_several_tasks_wait() -> None:
    lines: list[object] = [{"n": n, "when": "now" if n % 7 == 0 else "later"} for n in range(500)]
    assert echoed(lines) == lines


def test_lines_longer_than_a_pipe_come_through_whole() -> None:
    lines: list[object] = ["x" * 300_000, "y" * 300_000]
    assert echoed(lines) == lines


def test_a_waited_for_line_is_written_at_once() -> None:
    process = subprocess.Popen([sys.executable, "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write('["now"]\n')
    process.stdin.flush()
    assert json.loads(process.stdout.readline()) == ["now"]
    process.communicate(timeout=10)
