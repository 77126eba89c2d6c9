"""Reads the run.json of a run directory, without the libraries that its questions need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fanout import files
from fanout.errors import NoDataError
from fanout.runs.schema import SCHEMA, RunInfo, info_of
from fanout.runs.writer import RUN_FILE

MAX_INFO_BYTES = 268_435_456
"""The largest run.json. It has about 400 bytes for each pair of a coordinator and an agent."""


def read_run_info(directory: Path) -> RunInfo:
    """A directory's run.json; the run need not have ended. Raises NoDataError."""
    file = directory / RUN_FILE
    try:
        data: Any = json.loads(files.read(files.within(directory, RUN_FILE), MAX_INFO_BYTES))
    except FileNotFoundError:
        raise NoDataError(f"{directory}: not a run directory: it has no {RUN_FILE}") from None
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise NoDataError(f"{file}: not JSON: it is damaged, or fanout did not write it") from None
    if not isinstance(data, dict) or type(data.get("schema")) is not int:
        raise NoDataError(f"{file}: has no schema number, so it was not written by fanout")
    if data["schema"] != SCHEMA:
        raise NoDataError(
            f"{file}: schema {data['schema']}, which another version of fanout wrote; this version reads {SCHEMA}: "
            "run its scenario.yaml again"
        )
    try:
        return info_of(data)
    except ValueError as error:
        raise NoDataError(f"{file}: {error}: it is damaged, so run it again") from error
