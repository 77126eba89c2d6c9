"""Keeps track of the users of one run, and which of them have done their round."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing Locust patches the process
    from locust import User


class Roster:
    def __init__(self) -> None:
        self._users: list[User] = []
        self._done: set[User] = set()

    def add(self, user: User) -> None:
        self._users.append(user)

    def note_done(self, user: User) -> None:
        self._done.add(user)

    @property
    def count(self) -> int:
        return len(self._users)

    @property
    def done_count(self) -> int:
        """The users that have done their round, or have ended without one, by StopUser or an error of their own."""
        return sum(user in self._done or (user.greenlet is not None and user.greenlet.ready()) for user in self._users)

    @property
    def all_done(self) -> bool:
        """False while there are no users."""
        return 0 < self.count == self.done_count
