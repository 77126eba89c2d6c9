"""A run whose coordinators are children of this Locust process."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from fanout.locust_plugin.client import CoordinatorClient
from fanout.locust_plugin.coordinators import Coordinators, Job
from fanout.locust_plugin.recorder import fire_event
from fanout.locust_plugin.run import LocustRun
from fanout.outcome import Outcome
from fanout.processes.fd_limits import check_agents, limit_now, make_room, needed


class LocalRun(LocustRun):
    """Starts a coordinator for each user, on demand."""

    _coordinators: Coordinators

    def _new_coordinators(self, job: Job) -> Coordinators:
        self._agents_limit = limit_now()
        return Coordinators(job, itertools.count(1).__next__, self._record, self.fail, self.live)

    def new_client(self, user_context: Mapping[str, Any]) -> CoordinatorClient:
        """A coordinator process for one user, ready to ask.

        Raises CouldNotRunError if it doesn't start, GreenletExit if the run ends meanwhile.
        """
        runner = self._environment.runner  # the web UI may have raised the number of users meanwhile
        users = 1 if runner is None else runner.user_count
        make_room(needed(self._scenario, users))
        check_agents(self._scenario, users, self._agents_limit)
        return self._coordinators.new_client(user_context)

    def _record(self, user_context: Mapping[str, Any], outcome: Outcome) -> None:
        """Raises CouldNotRunError if the row can't be written."""
        self._recorder.add(outcome)
        fire_event(self._environment, self._scenario, user_context, outcome)
