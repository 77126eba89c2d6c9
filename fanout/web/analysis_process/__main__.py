"""The analyst's process: reads, judges and compares stored runs, so that Locust's process never has to.

    python -m fanout.web.analysis_process

It executes JSON lines from standard input, one after another, until that ends:

    {"do": "overview", "id": 1, "runs": [DIRECTORY, …]}              the runs' rows in a list
    {"do": "advise", "id": 2, "directory": DIRECTORY, "info": null}  the result of a run that has ended, and advice
    {"do": "advise", "id": 3, "directory": DIRECTORY, "info": {…}}   advice on a run in progress, whose run.json is this
    {"do": "compare", "id": 4, "runs": [DIRECTORY, …]}               the runs side by side; the first is the baseline
    {"do": "report", "id": 5, "runs": [DIRECTORY, …]}                the same as HTML

It writes JSON lines to standard output: `{"is": "ready"}`, and then for each command one that is `answer` (with
`took_s`, which includes no import), `refused` (with `why`, for what can't be read) or `failed` (with `why`, for an
internal error, whose traceback is on standard error). When standard input ends, the parent process is gone, and the
process exits.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from typing import BinaryIO

from fanout.errors import FanoutError, UsageError
from fanout.processes.child_side import command_of, tie_to_parent
from fanout.text import printable

NICENESS = 10
"""A run that is being measured has precedence."""


def serve(lines: BinaryIO, output: BinaryIO) -> None:
    """Answers commands until the input ends."""
    _say(json.dumps({"is": "ready"}), output)
    for line in lines:
        _say(_answer(line), output)


def _say(message: str, output: BinaryIO) -> None:
    output.write(message.encode() + b"\n")
    output.flush()


def _answer(line: bytes) -> str:
    number = None
    try:
        command = command_of(line)
        if not isinstance(command, dict):
            raise UsageError(f"not a command: {line!r}")
        number = command.get("id")
        from fanout.web.analysis_process._commands import answer_to  # noqa: PLC0415 (takes a second)

        began_s = time.perf_counter()
        answer = answer_to(command)
        took_s = time.perf_counter() - began_s
        # No page could read NaN.
        return json.dumps({"is": "answer", "id": number, "took_s": took_s, **answer}, allow_nan=False)
    except FanoutError as error:
        return json.dumps({"is": "refused", "id": number, "why": printable(str(error))})
    except Exception as error:  # noqa: BLE001 (other commands can be answered nevertheless)
        traceback.print_exc()
        why = printable(f"internal error: {type(error).__name__}: {error}")
        return json.dumps({"is": "failed", "id": number, "why": why})


def main() -> None:
    tie_to_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    os.environ["POLARS_MAX_THREADS"] = "1"  # before polars is imported
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no message
    serve(sys.stdin.buffer, output)


if __name__ == "__main__":
    main()
