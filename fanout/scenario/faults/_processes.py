"""Faults of an agent's process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import Field

from fanout.scenario.faults._base import QuestionFault, Request


class Crash(QuestionFault):
    """Ends its process immediately."""

    kind: Literal["crash"]
    ends_the_process: ClassVar[bool] = True
    exit_status: int = Field(70, ge=0, le=255, description="the process's exit status, 0 to 255")

    def inject(self, request: Request) -> Iterable[bytes]:
        os._exit(self.exit_status)


class Hang(QuestionFault):
    """Stops its process, which then answers nothing at all."""

    kind: Literal["hang"]
    stops_the_process: ClassVar[bool] = True

    def inject(self, request: Request) -> Iterable[bytes]:
        # This stops all threads until the fleet kills the process. A signal to the process could leave this thread
        # running for a moment, so it is raised in this thread.
        signal.raise_signal(signal.SIGSTOP)
        request.close()
