"""Checks whether this machine can carry a run, before it begins."""

from __future__ import annotations

from locust.runners import MasterRunner, Runner

from fanout.processes.extras import require
from fanout.processes.fd_limits import make_room, needed, needed_by_master
from fanout.processes.machine_room import check_room
from fanout.processes.own_code import require_allowed
from fanout.scenario import Scenario


def check_machine(runner: Runner, scenario: Scenario, users: int) -> None:
    """Raises UsageError for a factory that isn't allowed.

    Raises CouldNotRunError if the processes here lack packages, file descriptors or memory for so many users.
    """
    require_allowed(scenario)
    require(scenario)
    if isinstance(runner, MasterRunner):
        make_room(needed_by_master(scenario, users, len(runner.clients)))
        check_room(scenario, 0)  # the users are elsewhere
    else:
        make_room(needed(scenario, users))
        check_room(scenario, users)
