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
    def all_done(self) -> bool:
        """Whether each user has done its round, or has ended without one, by StopUser or an error of its own.

        False while there are no users.
        """
        at_work = {user for user in self._users if user.greenlet is None or not user.greenlet.ready()}
        return bool(self._users) and at_work <= self._done
