"""Defines CoordinatorUser, a Locust user that is a coordinator of N agents."""

from __future__ import annotations

import gevent
from locust import User
from locust.env import Environment

from fanout.locust_plugin.client import CoordinatorClient
from fanout.locust_plugin.listeners import session_of


class CoordinatorUser(User):
    """Subclass it, and give it tasks that use `self.client`; see locustfiles/. on_start and on_stop must call super's.

    One user is one coordinator process. In a headless run without a time limit, each user stops after its first round,
    and the run ends when all have stopped.
    """

    abstract = True
    host = "the scenario's agents"
    """The web UI of Locust shows it, and would ask for one otherwise."""
    client: CoordinatorClient

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        session_of(environment).users.add(self)

    def on_start(self) -> None:
        self.client = session_of(self.environment).join(self)

    def stop(self, force: bool = False) -> bool:
        """Locust calls it when fewer users are wanted: begins the end, since a round may last for minutes."""
        if hasattr(self, "client") and not force:
            gevent.spawn(self.client.stop, self.environment.stop_timeout or 0)
        return bool(super().stop(force))

    def on_stop(self) -> None:
        if hasattr(self, "client"):
            self.client.end(self.environment.stop_timeout or 0)
