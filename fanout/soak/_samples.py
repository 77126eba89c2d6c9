"""Samples: the figures of our processes over time, written as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

from fanout.files import writing

When = Literal["long run", "between runs"]
LOCUST = "locust"


@dataclass(frozen=True)
class Sample:
    """One figure of one role at one time."""

    when: When
    elapsed_s: float
    """Since the soak began."""
    role: str
    """`locust`, `coordinator`, `fleet` or `worker`; not the process id, which a restart changes."""
    figure: str
    """`descriptors`, `threads` and `memory_mib` (pages that the process has written and doesn't share) are the maximum
    over the processes of the role, `processes` is their number. `time_wait_per_question` is the sockets in TIME_WAIT
    over the questions of the minute before, since the number of runs in a minute depends on the machine."""
    value: float


def write_samples(samples: Iterable[Sample], file: Path) -> None:
    """Raises CouldNotRunError."""
    with writing(file), file.open("w", newline="", encoding="utf-8") as lines:
        rows = csv.writer(lines, lineterminator="\n")
        rows.writerow([field.name for field in fields(Sample)])
        rows.writerows(astuple(sample) for sample in samples)
