"""Agents on other machines: announces how much will be sent to them, before the first question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fanout.errors import UsageError, without_login
from fanout.scenario import Shape, checked_address, is_loopback
from fanout.scenario.questions import count_of
from fanout.text import listed

MAX_ADDRESSES_SHOWN = 2
"""Addresses named in an announcement, which keeps it to one line."""


@dataclass(frozen=True)
class Load:
    """What one run or one round will ask, and whom."""

    agents: int | Sequence[str]
    """As in a scenario: a number of agents to start here, or addresses."""
    questions: int | str
    """As in a scenario: a number, or a file. The file is read only if its questions leave this machine."""
    shape: Shape | None = None
    """The scenario's, which repeats the questions."""

    @property
    def count(self) -> int:
        return count_of(self.questions)

    @property
    def remote(self) -> list[str]:
        """The addresses that may be on other machines."""
        addresses = () if isinstance(self.agents, int) else self.agents
        return [address for address in addresses if not is_loopback(urlsplit(address).hostname or "")]


def checked(addresses: Sequence[str], *, allow_remote: bool) -> list[str]:
    """The addresses from a command line's --agents, which no scenario has checked. Raises UsageError."""
    found = []
    for address in addresses:
        try:
            found.append(checked_address(address))
        except ValueError as error:
            raise UsageError(without_login(f"--agents {address}: {error}")) from None
    if (remote := Load(found, 0).remote) and not allow_remote:
        raise UsageError(
            f"--agents {remote[0]} may be on another machine; allowed: localhost or a loopback address, or any address "
            "with allow_remote: true in the scenario"
        )
    return found


def announced(loads: Sequence[Load]) -> str | None:
    """One line about what these runs send to other machines; None if they send nothing there."""
    loads = [load for load in loads if load.remote]
    if not loads:
        return None
    counts = [load.count for load in loads]
    amount = _questions(sum(counts))
    if len(loads) > 1:
        amount += f" ({len(loads)} runs{f' of {counts[0]}' if len(set(counts)) == 1 else ''})"
    if shapes := [load.shape for load in loads if load.shape is not None]:
        users = max(shape.most_users for shape in shapes)
        amount += f" a round, rounds for {sum(shape.duration_s for shape in shapes):g} s from up to {users} users each"
    return _announcement(amount, loads)


def announced_by_rounds(load: Load, rounds: int) -> str | None:
    """Like announced(), for rounds that each ask all of the load's questions."""
    if not load.remote:
        return None
    count = load.count
    amount = _questions(count * rounds)
    if rounds > 1:
        amount += f" ({rounds} rounds of {count})"
    return _announcement(amount, [load])


def announced_by_users(load: Load, users: int | None, *, rounds_go_on: bool) -> str | None:
    """Like announced(), for Locust users that each ask all of the load's questions, once or until the run is stopped.

    `users` is None if their number changes.
    """
    if not load.remote:
        return None
    each = "each user" if users is None else f"each of {users} users"
    amount = _questions(load.count)
    if rounds_go_on:
        amount += " a round, rounds until stopped" + (f", from {each}" if users != 1 else "")
    elif users != 1:
        amount += f" from {each}"
    return _announcement(amount, [load])


def _questions(count: int) -> str:
    return f"{count} question{'s' if count != 1 else ''}"


def _announcement(amount: str, loads: Sequence[Load]) -> str:
    addresses = list(dict.fromkeys(address for load in loads for address in load.remote))
    return f"sends {amount} to agents on other machines: {listed(addresses, MAX_ADDRESSES_SHOWN)}"
