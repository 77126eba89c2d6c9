"""Faults of a coordinator: its name lookups, its attempts to connect, and its event loop."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

from pydantic import Field, Strict

from fanout.scenario._part import Part

AddressInfo = tuple[Any, ...]
"""An address as socket.getaddrinfo() returns it: family, type, protocol, canonical name, address."""
SILENT_ADDRESS = "2001:db8::1"
"""An address for documentation (RFC 3849), which no machine has. Nothing is ever sent to it."""


class Loop(Protocol):
    """A coordinator's event loop."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> Any:  # noqa: ANN401
        """Calls the callback after so many seconds."""


class CoordinatorFault(Part):
    """A fault of every coordinator. fanout/coordinator/loop_faults.py calls its methods."""

    if TYPE_CHECKING:
        kind: str

    needs_lookups: ClassVar[bool] = False
    """Whether it has no effect if no name is looked up."""
    attempts: ClassVar[int] = 1
    """The most sockets that opening a connection uses."""
    blocks_the_loop: ClassVar[bool] = False
    """Whether the event loop can't run meanwhile."""

    def before_lookup(self, dice: random.Random) -> None:
        """Called on the executor's thread before it looks a name up. Raises socket.gaierror if the lookup fails."""

    def addresses(self, found: list[AddressInfo]) -> list[AddressInfo]:
        """What a lookup finds in place of these addresses."""
        return found

    def is_silent(self, address: str, agent: int | None) -> bool:
        """Whether an attempt to connect to this address hangs, made for this agent, counted from 1; None for none."""
        return False

    def begin(self, loop: Loop) -> None:
        """Called once when the coordinator is ready."""

    def before_question(self) -> None:
        """Called on the event loop before each question."""


class SlowLookups(CoordinatorFault):
    """Each name lookup takes `delay_s` longer, and holds its thread of the executor."""

    kind: Literal["slow_lookups"]
    delay_s: float = Field(ge=0, le=3600, description="seconds, 0 to 3600")
    needs_lookups: ClassVar[bool] = True

    def before_lookup(self, dice: random.Random) -> None:
        time.sleep(self.delay_s)


class FailingLookups(CoordinatorFault):
    """A share of the name lookups fails: temporarily (EAI_AGAIN), or because there is no such name (EAI_NONAME)."""

    kind: Literal["failing_lookups"]
    share: float = Field(1.0, gt=0, le=1, description="the share of lookups that fail, more than 0, up to 1")
    temporary: bool = Field(
        True, description="true or false (whether the resolver fails for now, rather than deny that the name exists)"
    )
    needs_lookups: ClassVar[bool] = True

    def before_lookup(self, dice: random.Random) -> None:
        if dice.random() >= self.share:
            return
        if self.temporary:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class SilentFirstAddress(CoordinatorFault):
    """Each name has an IPv6 address before its others, and attempts to connect to it are never answered."""

    kind: Literal["silent_first_address"]
    needs_lookups: ClassVar[bool] = True
    attempts: ClassVar[int] = 2

    def addresses(self, found: list[AddressInfo]) -> list[AddressInfo]:
        _, kind, protocol, _, (_, port, *_) = found[0]
        return [(socket.AF_INET6, kind, protocol, "", (SILENT_ADDRESS, port, 0, 0)), *found]

    def is_silent(self, address: str, agent: int | None) -> bool:
        return address == SILENT_ADDRESS


class SilentAgents(CoordinatorFault):
    """Attempts to connect to these agents are never answered, as if a firewall dropped them."""

    kind: Literal["silent_agents"]
    agents: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), Strict(False)] = Field(
        description="a list of agent numbers, counted from 1, at least one"
    )

    def is_silent(self, address: str, agent: int | None) -> bool:
        return agent in self.agents


class BlockedLoop(CoordinatorFault):
    """Something other than the questions blocks the event loop for `block_s`, every `every_s`, and uses no CPU time."""

    kind: Literal["blocked_loop"]
    block_s: float = Field(gt=0, le=3600, description="seconds, more than 0, less than every_s")
    every_s: float = Field(gt=0, le=3600, description="seconds, more than 0, up to 3600")
    blocks_the_loop: ClassVar[bool] = True

    def begin(self, loop: Loop) -> None:
        def block() -> None:
            loop.call_later(self.every_s, block)
            time.sleep(self.block_s)

        loop.call_later(self.every_s, block)


class BlockingCall(CoordinatorFault):
    """Before each question, the coordinator makes a call that blocks the event loop for `call_s`, without CPU time."""

    kind: Literal["blocking_call"]
    call_s: float = Field(gt=0, le=3600, description="seconds, more than 0, up to 3600")
    blocks_the_loop: ClassVar[bool] = True

    def before_question(self) -> None:
        time.sleep(self.call_s)
