"""Charts of the adapter latency: its distribution, and its course over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from fanout.analysis.compare import Row
from fanout.report._report import Chart, Key
from fanout.report.charts._marks import Numbers, logarithmic, not_drawn, strokes
from fanout.report.charts._style import Look, look
from fanout.report.charts._svg import drawn
from fanout.runs.questions_csv import latencies, quantile, with_latency
from fanout.runs.reader import Run
from fanout.text import format_ms, printable, shorten

ROWS = 12
CURVE_POINTS = 500
TIME_POINTS = 2000
BESIDE = 2
TITLE_CHARACTERS = 36


def runs_of(row: Row) -> list[Run]:
    """The row's runs whose single questions are known."""
    return [summary.run for summary in row.repeats.runs if summary.run is not None]


@dataclass(frozen=True)
class _Curve:
    label: str
    sorted_ms: pl.Series
    look: Look

    @property
    def text(self) -> str:
        """The figures of the curve in words."""
        half, most = (format_ms(quantile(self.sorted_ms, share)) for share in (0.5, 0.95))
        longest = format_ms(float(self.sorted_ms[-1]))
        return f"{self.label}: half of {len(self.sorted_ms)} questions up to {half}, 95 % to {most}, all to {longest}"

    def points(self, floor: float) -> tuple[Numbers, Numbers]:
        """Some of the values, always the first and the last, and the share of questions up to each."""
        count = len(self.sorted_ms)
        chosen = np.unique(np.linspace(0, count - 1, min(count, CURVE_POINTS)).round().astype(int))
        values = np.maximum(self.sorted_ms.to_numpy()[chosen], floor)
        return np.r_[values[0], values], np.r_[0.0, (chosen + 1) / count]


def distribution(rows: Sequence[Row]) -> Chart | None:
    """The share of each row's questions up to each latency; None if no latency is known."""
    curves: list[_Curve] = []
    for row in rows[:ROWS]:
        pooled = pl.concat([latencies(run.questions) for run in runs_of(row)]).sort()
        if len(pooled):
            curves.append(_Curve(row.label, pooled, look(len(curves))))
    if not curves:
        return None
    every = pl.concat([curve.sorted_ms for curve in curves])
    floor, top = _ends(every)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for curve in curves:
            x, y = curve.points(floor)
            axes.step(x, y * 100, where="post", color=curve.look.colour, linestyle=curve.look.dash)
        axes.set(xlabel="adapter latency, ms (logarithmic)", ylabel="% of questions", ylim=(0, 102))
        logarithmic(axes, "x", floor, top)
        axes.set_yticks([0, 25, 50, 75, 95])
        axes.grid()

    caption = ["Further left is faster. A long flat stretch separates quick questions from slow ones."]
    caption += _not_positive(every) + not_drawn(rows, [curve.label for curve in curves])
    if any(len(curve.sorted_ms) > CURVE_POINTS for curve in curves):
        caption.append(f"Each line is drawn through at most {CURVE_POINTS} of its questions, chosen evenly by rank.")
    return Chart(
        "Distribution of the adapter latency",
        "; ".join(curve.text for curve in curves) + ".",
        drawn(3.6, draw),
        " ".join(caption),
        tuple(Key(curve.label, curve.look.colour, curve.look.dash) for curve in curves),
    )


@dataclass(frozen=True)
class _Course:
    label: str
    colour: str
    asked: int
    seconds: Numbers
    latency_ms: Numbers

    @property
    def text(self) -> str:
        """The figures of the course in words."""
        slowest = int(self.latency_ms.argmax())
        return (
            f"{self.label}: {self.asked} questions within {format_ms(1000 * self.seconds.max())}, the slowest "
            f"{format_ms(self.latency_ms[slowest])} after {format_ms(1000 * self.seconds[slowest])}"
        )


def over_time(rows: Sequence[Row]) -> Chart | None:
    """The adapter latencies of each row's first run over time; None if no question's start is known."""
    found = [_course(row.label, look(number).colour, runs_of(row)[0]) for number, row in enumerate(rows[:ROWS])]
    courses = [course for course in found if course is not None]
    if not courses:
        return None
    every = pl.Series(np.concatenate([course.latency_ms for course in courses]))
    floor, top = _ends(every)

    caption = ["Each dot is a question, at its start. For a row with several runs, the first run is drawn."]
    caption += _not_positive(every) + not_drawn(rows, [course.label for course in courses])
    thinned = [course for course in courses if course.asked > len(course.seconds)]
    if thinned:
        counts = ", ".join(f"{course.label} {len(course.seconds)} of {course.asked}" for course in thinned)
        caption.append(f"Only the slowest question of each moment is drawn: {counts}.")
    return Chart(
        "Adapter latency over time",
        "; ".join(course.text for course in courses) + ".",
        drawn(0.7 + 1.8 * math.ceil(len(courses) / BESIDE), lambda figure: _panels(figure, courses, floor, top)),
        " ".join(caption),
    )


def _panels(figure: Figure, courses: Sequence[_Course], floor: float, top: float) -> None:
    beside = min(BESIDE, len(courses))
    lines = math.ceil(len(courses) / beside)
    panels = list(figure.subplots(lines, beside, sharex=True, sharey=True, squeeze=False).flat)
    for axes, course in zip(panels, courses, strict=False):
        points = course.seconds, np.maximum(course.latency_ms, floor)
        strokes(axes, points, points, course.colour, 3.2)
        axes.set_title(shorten(printable(course.label), TITLE_CHARACTERS))
        axes.grid()
    for axes in panels[len(courses) :]:
        axes.set_visible(False)
    for axes in panels[len(courses) - beside : len(courses)]:
        axes.tick_params(labelbottom=True)
    axes = panels[0]
    axes.set(ylim=(floor / 1.5, top * 1.5))
    end = max(course.seconds.max() for course in courses) or 1.0
    axes.set_xlim(-0.02 * end, 1.02 * end)
    logarithmic(axes, "y", floor, top)
    figure.supxlabel("seconds since the run's first question started")
    figure.supylabel("adapter latency, ms (log.)")


def _course(label: str, colour: str, run: Run) -> _Course | None:
    measured = with_latency(run.questions).select("started", "latency_ms")
    known = measured.filter(pl.col("started").is_not_null()).collect()
    if known.is_empty():
        return None
    dots = known.select(pl.col("started") - run.questions["started"].min(), "latency_ms").sort("started")
    if dots.height > TIME_POINTS:
        moment = (pl.col("started") / pl.col("started").max() * TIME_POINTS).floor().clip(0, TIME_POINTS - 1)
        slowest = pl.all().sort_by("latency_ms", "started").last()
        # If all started in the same instant, the moment is 0 / 0.
        dots = dots.group_by(moment.fill_nan(0).alias("moment")).agg(slowest).sort("moment")
    return _Course(label, colour, known.height, dots["started"].to_numpy(), dots["latency_ms"].to_numpy())


def _ends(values: pl.Series) -> tuple[float, float]:
    """The ends of a logarithmic axis: the least and the greatest positive value."""
    positive = values.filter(values > 0)
    return (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 1.0)  # type: ignore[arg-type]


def _not_positive(values: pl.Series) -> list[str]:
    count = int((values <= 0).sum())
    return [f"Latencies of 0 ms or less ({count}) are drawn at the lower end of the axis."] if count else []
