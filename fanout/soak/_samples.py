"""What is watched of our processes, as figures in time; kept as CSV."""

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
    """`locust`, `coordinator`, `fleet` or `worker`, whatever the process's id: one that is restarted gets a new one."""
    figure: str
    """Of the process of the role that has the most: `descriptors`, `threads`, `memory_mib` (what it has written and
    shares with none). Of all together: `processes`; `time_wait_per_question`, sockets in TIME_WAIT by the questions of
    the minute before, since how many runs fall into a minute depends on the machine."""
    value: float


def write_samples(samples: Iterable[Sample], file: Path) -> None:
    """Raises CouldNotRunError."""
    with writing(file), file.open("w", newline="", encoding="utf-8") as lines:
        rows = csv.writer(lines, lineterminator="\n")
        rows.writerow([field.name for field in fields(Sample)])
        rows.writerows(astuple(sample) for sample in samples)
