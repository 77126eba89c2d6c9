"""A process's standard input and output as JSON lines, without ever blocking its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
import sys
import threading
from typing import Any

GATHER_S = 0.05
"""How long a line that nobody waits for may be delayed, so that several are written together."""


def input_lines(loop: asyncio.AbstractEventLoop) -> asyncio.Queue[bytes | None]:
    """The lines of standard input, then None. They are read by a thread, which works for pipes, files and terminals."""
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    def read() -> None:
        rest = b""
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            try:
                while chunk := os.read(0, 65536):  # not sys.stdin: its lock would hang the interpreter's exit
                    *complete, rest = (rest + chunk).split(b"\n")
                    for line in complete:
                        loop.call_soon_threadsafe(lines.put_nowait, line)
            finally:  # an error, such as a terminal that has disappeared, also ends the input
                loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    return lines


class Output(asyncio.BaseProtocol):
    """Standard output as JSON lines, written without ever blocking the loop.

    Lines that nobody waits for are collected briefly: waking the reader for each of them would take CPU time from the
    measured work.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pipe: asyncio.WriteTransport | None = None
        self._closed = asyncio.Event()
        self._lines: list[bytes] = []
        self._open = True
        self._due: asyncio.TimerHandle | None = None

    @classmethod
    async def opened(cls, loop: asyncio.AbstractEventLoop) -> Output:
        output = cls(loop)
        # Only a pipe is made non-blocking: a terminal shares its open file with standard input; a file never blocks.
        if stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
            output._pipe, _ = await loop.connect_write_pipe(lambda: output, sys.stdout)
        return output

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio calls this when all is written, or when the reader is gone."""
        self._closed.set()

    def emit(self, line: dict[str, Any], *, awaited: bool = True) -> None:
        """Writes a line, immediately if somebody waits for it. Lines keep their order."""
        self._lines.append(json.dumps(line).encode() + b"\n")
        if awaited:
            self.flush()
        elif self._due is None:
            self._due = self._loop.call_later(GATHER_S, self.flush)

    def flush(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        lines, self._lines = b"".join(self._lines), []
        if not self._open:
            return
        if self._pipe is None:
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
        else:
            self._pipe.write(lines)

    def mute(self) -> None:
        """Discards all further output, because the reader is gone."""
        self._open = False

    async def close(self) -> None:
        """Waits until all output is written, unless the reader is gone."""
        self.flush()
        if self._pipe is None or self._closed.is_set():
            return
        if self._open:
            self._pipe.close()
        elif not self._pipe.is_closing():  # abort() fails if asyncio has already noticed that the reader is gone
            self._pipe.abort()
        await self._closed.wait()
