"""Writes a run directory, once:

results/<time>-<scenario>/
    scenario.yaml    the resolved scenario, ready to run again (with questions.jsonl if it names a file of questions)
    run.json         environment, planned and ended questions, counters from both ends, effective settings
    questions.csv    one row per question that ended
    ca.pem           the certificate to trust, if the agents used HTTPS
    locust*          Locust's own statistics, report and histogram
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fanout import files
from fanout.errors import CouldNotRunError
from fanout.outcome import COLUMNS, Outcome
from fanout.runs import environment
from fanout.runs.schema import SCHEMA, RunInfo
from fanout.runs.series import Place
from fanout.scenario import Scenario

SCENARIO_FILE = "scenario.yaml"
SCENARIO_QUESTIONS_FILE = "questions.jsonl"
CA_FILE = "ca.pem"
QUESTIONS_FILE = "questions.csv"
RUN_FILE = "run.json"


def new_run_dir(parent: Path, name: str) -> Path:
    """Creates `parent/<time>-<name>`, with a number appended if that exists. Raises CouldNotRunError."""
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    for suffix in ["", *(f"-{number}" for number in range(2, 1000))]:
        try:
            (parent / f"{stem}{suffix}").mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise CouldNotRunError(
                f"can't create a run directory in {parent}: {error.strerror}; {files.OTHER_FOLDER}"
            ) from error
        return parent / f"{stem}{suffix}"
    raise CouldNotRunError(f"{parent} has a thousand directories named {stem} already; move them away")


def write_scenario(scenario: Scenario, directory: Path) -> None:
    """Writes the resolved scenario, and copies its file of questions, so that the directory is self-contained.

    Raises OSError.
    """
    if isinstance(scenario.questions, str):
        copy = directory / SCENARIO_QUESTIONS_FILE
        if Path(scenario.questions).resolve() != copy.resolve():
            shutil.copyfile(scenario.questions, copy)
        scenario = scenario.model_copy(update={"questions": copy.name})
    (directory / SCENARIO_FILE).write_text(scenario.to_yaml(), encoding="utf-8")


class RunWriter:
    """Writes one run directory. Raises CouldNotRunError if it can't, or if the directory already holds a run."""

    def __init__(self, directory: Path, scenario: Scenario, place: Place | None = None) -> None:
        self.directory = directory
        self.counts: Counter[str] = Counter()
        self._size = 0
        """The size of questions.csv in bytes, up to its last complete line."""
        with files.writing(directory):
            if (directory / RUN_FILE).exists():
                raise CouldNotRunError(
                    f"{directory} already holds a run; choose another directory, or move this one away"
                )
            directory.mkdir(parents=True, exist_ok=True)
            write_scenario(scenario, directory)
            self.begun = RunInfo(
                schema=SCHEMA, scenario=scenario.name, seed=scenario.seed, series=place, started=time.time()
            )
            """The run's information so far. The caller completes it for finish()."""
            self._write_info(self.begun)
            self._rows = (directory / QUESTIONS_FILE).open("wb", buffering=0)
            try:
                self._append(column.name for column in COLUMNS)
            except OSError:
                self._rows.close()
                raise

    def add(self, outcome: Outcome) -> None:
        """Records how a question ended. Raises CouldNotRunError if it can't be written."""
        with files.writing(self.directory):
            self._append(outcome.to_row())
        self.counts[outcome.status] += 1

    def _append(self, row: Iterable[Any]) -> None:
        """Raises OSError."""
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        self._size = files.append_whole(line.getvalue().encode(), self._rows, self._size)

    def keep(self, text: str, name: str) -> None:
        """Writes a file with this name. Raises CouldNotRunError."""
        with files.writing(self.directory):
            (self.directory / name).write_text(text, encoding="utf-8")

    def finish(self, info: RunInfo) -> None:
        """Completes the directory. `info` is `begun` with the caller's additions.

        Raises CouldNotRunError if it can't be written; the run then counts as one that has not ended.
        """
        self._rows.close()
        with files.writing(self.directory):
            self._write_info(
                replace(
                    info,
                    ended=time.time(),
                    versions=environment.versions(),
                    machine=environment.machine(),
                    git=environment.git(),
                )
            )

    def _write_info(self, info: RunInfo) -> None:
        files.replace(json.dumps(info.to_json(), indent=2) + "\n", self.directory / RUN_FILE)
