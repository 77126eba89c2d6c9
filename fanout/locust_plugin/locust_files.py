"""Writes Locust's own statistics, report and histogram into the run directory, using Locust's code."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from locust.env import Environment
from locust.html import get_html_report
from locust.stats import PERCENTILES_TO_REPORT, StatsCSV


def write_locust_files(environment: Environment, directory: Path) -> None:
    """Writes locust_stats.csv, locust_failures.csv, locust_exceptions.csv, locust.json and locust.html.

    They are complete, while the files of --csv are only updated once a second. Raises OSError.
    """
    table = StatsCSV(environment, PERCENTILES_TO_REPORT)
    for name, write in (
        ("locust_stats.csv", table.requests_csv),
        ("locust_failures.csv", table.failures_csv),
        ("locust_exceptions.csv", table.exceptions_csv),
    ):
        with (directory / name).open("w", newline="", encoding="utf-8") as file:
            write(csv.writer(file))
    # Not stats.serialize_stats(), which empties the entries that it serializes.
    histogram = [entry.serialize() for entry in environment.stats.entries.values()]
    (directory / "locust.json").write_text(json.dumps(histogram, indent=4), encoding="utf-8")
    report = get_html_report(environment, show_download_link=False)
    (directory / "locust.html").write_text(report, encoding="utf-8")
