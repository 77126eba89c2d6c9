"""The run directory: written once, read by everything after.

results/<time>-<scenario>/
    scenario.yaml    the resolved scenario, ready to be run again (questions.jsonl beside it, if it has a file)
    run.json         what it ran on, what was planned and what ended, counts from both ends, effective settings
    questions.csv    one row per question, as it ended
    ca.pem           the certificate to trust, where the agents spoke HTTPS
    locust*          Locust's own statistics, report and histogram
"""

from __future__ import annotations

import contextlib
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
    """Makes `parent/<time>-<name>`, with a number behind it where that exists. Raises CouldNotRunError."""
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    for suffix in ["", *(f"-{number}" for number in range(2, 1000))]:
        try:
            (parent / f"{stem}{suffix}").mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise CouldNotRunError(
                f"can't make a run directory in {parent}: {error.strerror}; {files.OTHER_FOLDER}"
            ) from error
        return parent / f"{stem}{suffix}"
    raise CouldNotRunError(f"{parent} has a thousand directories named {stem} already; move them away")


def write_scenario(scenario: Scenario, directory: Path) -> None:
    """The resolved scenario. A file of questions comes along, so that the directory is all that is needed.

    Raises OSError.
    """
    if isinstance(scenario.questions, str):
        copy = directory / SCENARIO_QUESTIONS_FILE
        if Path(scenario.questions).resolve() != copy.resolve():
            shutil.copyfile(scenario.questions, copy)
        scenario = scenario.model_copy(update={"questions": copy.name})
    (directory / SCENARIO_FILE).write_text(scenario.to_yaml(), encoding="utf-8")


class RunWriter:
    """Writes one run directory. Raises CouldNotRunError where it can't, or where a run is in it already."""

    def __init__(self, directory: Path, scenario: Scenario, place: Place | None = None) -> None:
        self.directory = directory
        self.counts: Counter[str] = Counter()
        self._size = 0
        """Of questions.csv, in bytes; nothing of a line that had no room is kept behind it."""
        with files.writing(directory):
            if (directory / RUN_FILE).exists():
                raise CouldNotRunError(
                    f"{directory} holds a run already; choose another directory, or move that one away"
                )
            directory.mkdir(parents=True, exist_ok=True)
            write_scenario(scenario, directory)
            self.begun = RunInfo(
                schema=SCHEMA, scenario=scenario.name, seed=scenario.seed, series=place, started=time.time()
            )
            """What is known of the run so far, to be completed for finish()."""
            self._write_info(self.begun)
            self._rows = (directory / QUESTIONS_FILE).open("wb", buffering=0)
            try:
                self._append(column.name for column in COLUMNS)
            except OSError:
                self._rows.close()
                raise

    def add(self, outcome: Outcome) -> None:
        """Records one question's end. Raises CouldNotRunError where it can't be written."""
        with files.writing(self.directory):
            self._append(outcome.to_row())
        self.counts[outcome.status] += 1

    def _append(self, row: Iterable[Any]) -> None:
        """Writes a whole line at once, or takes back what there was room for. Raises OSError."""
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        rest = line.getvalue().encode()
        while rest:
            try:
                rest = rest[self._rows.write(rest) :]
            except OSError:
                with contextlib.suppress(OSError):
                    self._rows.truncate(self._size)
                    self._rows.seek(self._size)  # or the next line would lie behind a hole
                raise
        self._size = self._rows.tell()

    def keep(self, text: str, name: str) -> None:
        """Writes a file of this name. Raises CouldNotRunError."""
        with files.writing(self.directory):
            (self.directory / name).write_text(text, encoding="utf-8")

    def finish(self, info: RunInfo) -> None:
        """Completes the directory; `info` is `begun` with what the run's owner knows.

        Raises CouldNotRunError where it can't: the run then counts as one that has not ended.
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
