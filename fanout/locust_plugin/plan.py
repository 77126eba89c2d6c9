"""What the next run is to do, as a command line or a form of the web UI says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fanout.agents.handle import require_agents
from fanout.runs.schema import FormInfo
from fanout.scenario import Scenario, Setting
from fanout.scenario.questions import count_of
from fanout.web import form
from fanout.web.live import About
from fanout.web.scenario_list import question_of


@dataclass(frozen=True)
class Plan:
    file: str
    """The scenario file."""
    settings: Sequence[Setting] = ()
    """Values instead of those in the file."""
    is_one_round: bool = False
    """Whether the run ends by itself, when every user has done one round."""
    run_time_s: float | None = None
    """After how long the run ends, counted from when its agents are ready; None without a limit."""
    users: int | None = None
    spawn_rate: float | None = None
    """Users started a second."""
    has_shape: bool = False
    """Whether a load shape decides when it ends."""
    against: str | None = None
    """The id of the run that this one is to be compared with."""

    @property
    def until(self) -> str:
        """When the run ends, in words."""
        if self.has_shape:
            return "at the end of its load shape"
        if self.is_one_round:
            return "after one round of all questions"
        if self.run_time_s is None:
            return "when it is stopped"
        minutes = self.run_time_s / 60
        return f"after {minutes:g} min" if minutes.is_integer() and minutes > 1 else f"after {self.run_time_s:g} s"

    def scenario(self) -> Scenario:
        """The scenario with the settings. Raises UsageError, CouldNotRunError."""
        scenario = form.load(self.file, self.settings)
        require_agents(scenario)
        count_of(scenario.questions)  # raises an error if a file of questions is wrong
        return scenario

    def about(self, scenario: Scenario, directory: Path, results: Path, *, is_here: bool) -> About:
        """What the web UI shows of a run in this directory; `results` has the runs that are listed.

        `is_here` is whether its coordinators run on this machine.
        """
        place, listed = directory.resolve(), results.resolve()
        asked = FormInfo(self.users, self.spawn_rate, self.is_one_round, self.run_time_s, form.changed(self.settings))
        return About(
            id=place.relative_to(listed).as_posix() if place.is_relative_to(listed) else None,
            scenario=scenario,
            question=question_of(Path(self.file), scenario.name),
            form=asked,
            until=self.until,
            against=self.against,
            is_here=is_here,
        )
