"""A process's own standard input and output as JSON lines, beside an event loop that must not be held up."""

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
"""How long a line that nobody waits for may wait for others before it is written."""


def input_lines(loop: asyncio.AbstractEventLoop) -> asyncio.Queue[bytes | None]:
    """Standard input's lines, then None. A thread reads them: it takes pipes, files and terminals alike, and sleeps."""
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    def read() -> None:
        rest = b""
        with contextlib.suppress(RuntimeError):  # the loop is closed, nobody waits any more
            try:
                while chunk := os.read(0, 65536):  # not sys.stdin: its lock would hang the interpreter's exit
                    *complete, rest = (rest + chunk).split(b"\n")
                    for line in complete:
                        loop.call_soon_threadsafe(lines.put_nowait, line)
            finally:  # an error, such as that of a terminal that went away, is an end as well
                loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    return lines


class Output(asyncio.BaseProtocol):
    """Standard output as JSON lines, written without ever blocking the loop.

    Lines that nobody waits for are gathered for a moment: a reader that is woken for each of them takes CPU from what
    is measured.
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
        # Only a pipe may be made non-blocking: a terminal is the same open file as standard input, a file never blocks.
        if stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
            output._pipe, _ = await loop.connect_write_pipe(lambda: output, sys.stdout)
        return output

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's word that all is written, or that there is nobody to read it."""
        self._closed.set()

    def emit(self, line: dict[str, Any], *, awaited: bool = True) -> None:
        """Writes a line, at once if somebody waits for it; lines stay in their order."""
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
        """Nobody listens any more."""
        self._open = False

    async def close(self) -> None:
        """Waits until what was written has gone out, while there is somebody to read it."""
        self.flush()
        if self._pipe is None or self._closed.is_set():
            return
        if self._open:
            self._pipe.close()
        elif not self._pipe.is_closing():  # asyncio trips over an abort() when it has noticed already
            self._pipe.abort()
        await self._closed.wait()
