"""Faults of an agent's process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import Field

from fanout.scenario.faults._base import QuestionFault, Request


class Crash(QuestionFault):
    """The agent's process ends at once."""

    kind: Literal["crash"]
    exit_status: int = Field(70, ge=0, le=255, description="the process's exit status, 0 to 255")

    def strike(self, request: Request) -> Iterable[bytes]:
        os._exit(self.exit_status)


class Hang(QuestionFault):
    """The agent's process does nothing any more, for nobody."""

    kind: Literal["hang"]
    stops_the_process: ClassVar[bool] = True

    def strike(self, request: Request) -> Iterable[bytes]:
        # All threads of the process, until the fleet kills it. Raised in this one, which otherwise runs for a moment.
        signal.raise_signal(signal.SIGSTOP)
        request.close()
