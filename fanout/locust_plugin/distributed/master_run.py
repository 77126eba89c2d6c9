"""A run whose coordinators are children of Locust's workers."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from fanout import files
from fanout.errors import CouldNotRunError
from fanout.locust_plugin.coordinators import Job
from fanout.locust_plugin.distributed._lines import Order
from fanout.locust_plugin.distributed.remote_coordinators import RemoteCoordinators
from fanout.locust_plugin.run import LocustRun
from fanout.runs.writer import SCENARIO_QUESTIONS_FILE
from fanout.scenario.questions import count_of

if TYPE_CHECKING:
    from locust.env import Environment

    from fanout.locust_plugin.distributed.crew import Crew
    from fanout.locust_plugin.gate_options import GateOptions
    from fanout.scenario import Scenario
    from fanout.web.live import About

_NUMBERS = itertools.count(1)


class MasterRun(LocustRun):
    """Writes what the workers report into its directory."""

    _coordinators: RemoteCoordinators

    def __init__(
        self,
        environment: Environment,
        scenario: Scenario,
        directory: Path,
        options: GateOptions,
        about: About | None,
        *,
        crew: Crew,
        is_one_round: bool,
    ) -> None:
        self._crew = crew
        self._is_one_round = is_one_round
        super().__init__(environment, scenario, directory, options, about)
        self.begin()

    def _new_coordinators(self, job: Job) -> RemoteCoordinators:
        questions = job.scenario_file.with_name(SCENARIO_QUESTIONS_FILE)
        has_questions = isinstance(self._scenario.questions, str)
        order = Order(
            run=next(_NUMBERS),
            scenario=_content(job.scenario_file),
            questions=_content(questions) if has_questions else None,
            addresses=tuple(job.addresses),
            ca_pem=self.agents.ca_pem,
            is_one_round=self._is_one_round,
            is_watched=self.live is not None,
        )
        asked = count_of(self._scenario.questions)
        return RemoteCoordinators(self._crew, order, asked, self._recorder.add, self.fail, live=self.live)

    @property
    def all_done(self) -> bool:
        """Whether all users of all workers have done their round."""
        return self._coordinators.all_done

    @property
    def none_left(self) -> bool:
        """Whether all workers are lost or have left."""
        return self._coordinators.none_left

    @property
    def _has_failed_greenlets(self) -> bool:
        return super()._has_failed_greenlets or self._coordinators.has_errors


def _content(file: Path) -> str:
    """Raises CouldNotRunError."""
    try:
        return files.read(file)
    except OSError as error:
        raise CouldNotRunError(f"{file}: can't be read: {error.strerror}") from error
