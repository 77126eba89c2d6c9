"""Finds Locust's reports by their names: locust --csv PREFIX writes PREFIX_stats.csv and others beside it."""

from __future__ import annotations

from pathlib import Path

SUMMARIES = ("_stats.csv", "_requests.csv")
"""What follows the prefix in the name of a summary: since Locust 0.13.4, and before (or from the web UI)."""
HISTORY = "_stats_history.csv"
OTHERS = (HISTORY, "_failures.csv", "_exceptions.csv", "_distribution.csv")
"""What follows the prefix in the names of the other files of a run; `_distribution.csv` only before 0.13.4."""


def is_file(path: Path) -> bool:
    """Whether it is one; False also for a name that no file can have."""
    try:
        return path.is_file()
    except OSError:
        return False


def summary_of(folder: Path, prefix: str) -> Path | None:
    """The summary that Locust wrote into a folder with this prefix; None if there is none."""
    candidates = (folder / f"{prefix}{suffix}" for suffix in SUMMARIES)
    return next(filter(is_file, candidates), None)


def summaries_in(folder: Path) -> list[Path]:
    """The summaries of all prefixes in a folder, sorted by name."""
    names = sorted(path.name for suffix in SUMMARIES for path in folder.glob(f"*{suffix}") if path.is_file())
    prefixes = dict.fromkeys(without_suffix(name, SUMMARIES) for name in names if not name.startswith("."))
    found = (summary_of(folder, prefix) for prefix in prefixes if prefix is not None)
    return [summary for summary in found if summary is not None]


def history_of(summary: Path) -> Path | None:
    """The history of the same run, beside its summary; None if there is none."""
    prefix = without_suffix(summary.name, SUMMARIES)
    history = None if prefix is None else summary.with_name(f"{prefix}{HISTORY}")
    return history if history is not None and is_file(history) else None


def without_suffix(name: str, suffixes: tuple[str, ...]) -> str | None:
    """The prefix of a report's name; None if the name ends in none of the suffixes."""
    return next((name.removesuffix(suffix) for suffix in suffixes if name.endswith(suffix)), None)
