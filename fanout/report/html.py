"""Renders a report as one HTML file that needs no network, with charts of every question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from fanout.analysis.row_advice import in_words
from fanout.report import charts
from fanout.report._origin import environment, origins
from fanout.report._report import Chart, Report
from fanout.text import legal, listed

TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Detail:
    """One run, question by question."""

    label: str
    source: str
    charts: tuple[Chart, ...]
    is_open: bool
    """Whether it is shown unfolded, as the slowest run is, since it shows the most."""


def render(report: Report) -> str:
    """The report as an HTML document. The same report always gives the same text."""
    names = (f"chart-{number}" for number in count(1))
    page = _template().render(
        passed=report.passed,
        title=_title(report),
        verdicts=report.verdicts or [_what_was_run(report)],
        tables=[table.grid for table in report.tables],
        notes=report.notes,
        advice=report.advice,
        in_words=in_words,
        takeaways=report.takeaways,
        charts=_placed([*report.charts, *charts.of_rows(report.rows)], names),
        details=_details(report, names),
        origins=origins(report.rows),
        environment=environment(report.rows),
    )
    return legal(page).strip() + "\n"


@cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).get_template(TEMPLATE)


def _title(report: Report) -> str:
    labels = [row.label for row in report.rows]
    return f"fanout: {listed(labels, 3)}" if labels else "fanout"


def _what_was_run(report: Report) -> str:
    """The sentence for a report without a verdict."""
    rows = report.rows
    if not rows:
        lines = len(report.tables[0].rows) if report.tables else 0
        return f"A table of {lines} rows; nothing was judged."
    asked, runs = sum(row.summary.questions for row in rows), sum(row.runs for row in rows)
    what = rows[0].label if len(rows) == 1 else f"{len(rows)} scenarios"
    times = "once" if runs == len(rows) == 1 else f"in {runs} runs"
    return f"{what} ran {times}, with {asked} questions in all; nothing was compared or judged."


def _placed(found: Sequence[Chart], names: Iterator[str]) -> tuple[Chart, ...]:
    """The charts with SVG that is part of the page."""
    return tuple(replace(chart, svg=charts.inline(chart, next(names))) for chart in found)


def _details(report: Report, names: Iterator[str]) -> list[Detail]:
    runs = charts.of_runs(report.rows)
    means = {row.label: row.summary.mean_ms or 0 for row in report.rows}
    slowest = max((run.label for run in runs), key=lambda label: means[label], default=None)
    return [Detail(run.label, run.source, _placed(run.charts, names), run.label == slowest) for run in runs]
