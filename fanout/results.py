"""The run directory: written once, read by everything after.

results/<time>-<scenario>/
    scenario.yaml    the resolved scenario, ready to be run again (questions.jsonl beside it, if it has a file)
    run.json         what it ran on, what was planned and what ended, counts from both ends, effective settings
    questions.csv    one row per question, as it ended
    ca.pem           the certificate to trust, where the agents spoke HTTPS
    locust*          Locust's own statistics, report and histogram
"""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fanout import environment
from fanout.errors import CouldNotRunError, NoDataError, ScenarioError
from fanout.outcome import COLUMNS, Outcome
from fanout.scenario import Scenario, load_scenario

SCHEMA = 1
SCENARIO_FILE = "scenario.yaml"
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
            raise CouldNotRunError(f"can't make a run directory in {parent}: {error.strerror}") from error
        return parent / f"{stem}{suffix}"
    raise CouldNotRunError(f"{parent} has a thousand directories named {stem} already; move them away")


class RunWriter:
    """Writes one run directory. Raises CouldNotRunError where it can't, or where a run is in it already."""

    def __init__(self, directory: Path, scenario: Scenario) -> None:
        self.directory = directory
        self.counts: Counter[str] = Counter()
        self._scenario = scenario
        if (directory / RUN_FILE).exists():
            raise CouldNotRunError(f"{directory} holds a run already; choose another directory, or move that one away")
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._write_scenario()
            self._info = {"schema": SCHEMA, "scenario": scenario.name, "seed": scenario.seed, "started": time.time()}
            self._write_info({**self._info, "ended": None})
            (directory / QUESTIONS_FILE).write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
            self._file = (directory / QUESTIONS_FILE).open("a", newline="", encoding="utf-8", buffering=1)
            self._csv = csv.writer(self._file, lineterminator="\n")
        except OSError as error:
            raise CouldNotRunError(f"can't write to {directory}: {error.strerror}") from error

    def _write_scenario(self) -> None:
        """The resolved scenario. A file of questions comes along, so that the directory is all that is needed."""
        scenario = self._scenario
        if isinstance(scenario.questions, str):
            copy = self.directory / "questions.jsonl"
            if Path(scenario.questions).resolve() != copy.resolve():
                shutil.copyfile(scenario.questions, copy)
            scenario = scenario.model_copy(update={"questions": copy.name})
        (self.directory / SCENARIO_FILE).write_text(scenario.to_yaml(), encoding="utf-8")

    def add(self, outcome: Outcome) -> None:
        """Records one question's end. Raises CouldNotRunError where it can't be written."""
        try:
            self._csv.writerow(outcome.to_row())
        except OSError as error:
            raise CouldNotRunError(f"can't write to {self.directory}: {error.strerror}") from error
        self.counts[outcome.status] += 1

    def finish(self, info: Mapping[str, Any]) -> None:
        """Completes the directory; `info` is what the run's owner knows, see docs/architecture.md."""
        self._file.close()
        ended = {
            "ended": time.time(),
            "versions": environment.versions(),
            "machine": environment.machine(),
            "git": environment.git(),
        }
        self._write_info({**self._info, **ended, **info})

    def _write_info(self, info: Mapping[str, Any]) -> None:
        """Replaces run.json in one step, so that a reader never meets half of it."""
        unfinished = self.directory / f"{RUN_FILE}.unfinished"
        unfinished.write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
        unfinished.replace(self.directory / RUN_FILE)


@dataclass(frozen=True)
class Run:
    """A run as read back from its directory."""

    directory: Path
    scenario: Scenario
    info: Mapping[str, Any]
    """run.json."""
    outcomes: tuple[Outcome, ...]

    @property
    def name(self) -> str:
        return self.scenario.name

    @property
    def cpu_ms(self) -> float | None:
        """The coordinators' CPU time for each question; None where none of them told."""
        told = [found["health"]["cpu_s"] for found in self.info.get("coordinators", ()) if found.get("health")]
        return sum(told) * 1000 / len(self.outcomes) if told else None


def read_run(directory: Path) -> Run:
    """Reads a run directory. Raises NoDataError for one that is missing, unfinished, empty or not ours."""
    info = _read_info(directory)
    if info.get("ended") is None:
        raise NoDataError(f"{directory}: the run has not ended: wait for it, or if it was killed, run it again")
    try:
        scenario = load_scenario(directory / SCENARIO_FILE)
    except ScenarioError as error:
        raise NoDataError(f"{directory}: its scenario can't be read: {error}") from error
    outcomes = tuple(_read_outcomes(directory / QUESTIONS_FILE))
    if not outcomes:
        raise NoDataError(f"{directory / QUESTIONS_FILE}: no question ended in this run; run it again")
    return Run(directory, scenario, info, outcomes)


def _read_info(directory: Path) -> dict[str, Any]:
    file = directory / RUN_FILE
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NoDataError(f"{directory}: not a run directory: it has no {RUN_FILE}") from None
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}") from error
    except ValueError:
        raise NoDataError(f"{file}: not JSON, so not a run of fanout's") from None
    if not isinstance(info, dict) or not isinstance(info.get("schema"), int):
        raise NoDataError(f"{file}: has no schema number, so it is not a run of fanout's")
    if info["schema"] != SCHEMA:
        raise NoDataError(f"{file}: schema {info['schema']}; this version reads {SCHEMA}: use the fanout that wrote it")
    return info


def _read_outcomes(file: Path) -> Iterator[Outcome]:
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = csv.DictReader(lines, strict=True)
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise NoDataError(f"{file}: its header is not that of questions.csv")
            for row in rows:
                try:
                    yield Outcome.from_row(row)
                except (KeyError, ValueError, TypeError) as error:
                    raise NoDataError(f"{file}:{rows.line_num}: not a question's row: {error}") from error
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise NoDataError(f"{file}: not a CSV file: {error}") from error
