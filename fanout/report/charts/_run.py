"""Charts of one run, question by question: a timeline, and the lifetimes of connections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fanout.phases import PHASE_COLOURS, PHASES
from fanout.report._report import Chart, Key
from fanout.report.charts._marks import Numbers, boxes, strokes
from fanout.report.charts._style import INK, look
from fanout.report.charts._svg import drawn
from fanout.report.charts._where import PHASE_KEYS
from fanout.runs.questions_csv import BEGAN, ENDED, quantile
from fanout.runs.reader import Run
from fanout.text import format_ms

QUESTIONS = 1000
CONNECTIONS = 200
TICKS = 8000
"""The most ticks of a chart, over all its lines."""
SERVICE_ALPHA = 0.16
DRAWN = tuple(phase for phase in PHASES if phase != "late")
"""A late question waits in the queue, not at its agent, where others are at work."""
BEFORE_SERVICE = DRAWN.index("waiting")
TALLEST_IN = 8.0
THINNEST = 1 / 4000
"""The least width that can be seen, as a share of the chart's width."""


@dataclass(frozen=True)
class _Timeline:
    """Questions as bars, from their real start. Times are in seconds since the run's first question started."""

    begins: Numbers
    ends: Numbers
    lanes: Numbers
    lane_height: float
    spent: dict[str, tuple[Numbers, Numbers]]
    """The begin and the end of each phase of each question."""
    agents: list[int]
    status: pl.Series

    @property
    def span(self) -> float:
        return float(self.ends.max()) or 1.0


def timeline(run: Run) -> Chart | None:
    """What each question waited for and when, by agent; None if no question's start is known."""
    known = (
        run.questions.filter(pl.col("started").is_not_null())
        .with_columns(began=BEGAN)
        .sort("began", maintain_order=True)
    )
    if known.is_empty():
        return None
    found = _timeline(known.head(QUESTIONS))
    hidden_ms = 1000 * THINNEST * found.span

    caption = (
        "Each bar is a question, with a thin edge at its start. Its pale part is the agent's service time, or unknown. "
        f"Phases shorter than {format_ms(hidden_ms)} are too thin to see."
    )
    if (found.status != "ok").any():
        caption += " × means failed, ○ means abandoned."
    if known.height > QUESTIONS:
        caption += f" Only the first {QUESTIONS} of {known.height} questions are drawn."
    return Chart(
        "Timeline of the questions",
        _timeline_in_words(found),
        drawn(_height(len(found.agents)), lambda figure: _bars(figure.subplots(), found)),
        caption,
        (*(key for key in PHASE_KEYS if key.label in DRAWN), Key("the agent's service time", "")),
    )


def _bars(axes: Axes, found: _Timeline) -> None:
    boxes(axes, (found.begins, found.ends), found.lanes, found.lane_height, INK, alpha=SERVICE_ALPHA)
    for phase in DRAWN:
        begins, ends = found.spent[phase]
        seen = ends - begins >= THINNEST * found.span
        boxes(axes, (begins[seen], ends[seen]), found.lanes[seen], found.lane_height, PHASE_COLOURS[phase])
    edges = (found.lanes - found.lane_height / 2, found.lanes + found.lane_height / 2)
    strokes(axes, (found.begins, edges[0]), (found.begins, edges[1]), INK, 0.5)
    for status, marker in (("failed", "x"), ("abandoned", "o")):
        marked = (found.status == status).to_numpy()
        axes.plot(found.ends[marked], found.lanes[marked], marker, color=INK, markersize=5, fillstyle="none")
    _frame(axes, found.span, len(found.agents), "agent")
    every = -(-len(found.agents) // 32)
    axes.set_yticks(range(1, len(found.agents) + 1, every), [str(agent) for agent in found.agents[::every]])


def _timeline(shown: pl.DataFrame) -> _Timeline:
    agents = sorted(shown["agent"].unique().to_list())
    coordinators = sorted(shown["coordinator"].unique().to_list())
    # Several coordinators may ask one agent at the same time, so each has a lane of its own.
    height = 0.8 / len(coordinators)
    agent = np.searchsorted(agents, shown["agent"].to_numpy())
    lane = np.searchsorted(coordinators, shown["coordinator"].to_numpy())
    begins = (shown["began"] - shown["began"][0]).to_numpy()
    stages = [*DRAWN[:BEFORE_SERVICE], "service", *DRAWN[BEFORE_SERVICE:]]
    widths = shown.select(pl.col(f"{stage}_ms").fill_null(0).clip(lower_bound=0) / 1000 for stage in stages).to_numpy()
    stops = begins[:, None] + widths.cumsum(axis=1)
    whole = shown.select((ENDED - BEGAN).fill_null(0.0)).to_series().to_numpy() + begins
    return _Timeline(
        begins, np.maximum(whole, stops[:, -1]), agent + 0.6 + height * (lane + 0.5), height,
        {stage: (stops[:, n] - widths[:, n], stops[:, n]) for n, stage in enumerate(stages)}, agents, shown["status"],
    )  # fmt: skip


def _timeline_in_words(found: _Timeline) -> str:
    spent = {stage: float((ends - begins).sum()) for stage, (begins, ends) in found.spent.items()}
    service_s = spent.pop("service")
    longest = sorted((stage for stage in spent if spent[stage] > 0), key=lambda stage: -spent[stage])[:3]
    held = ", ".join(f"{stage} {format_ms(1000 * spent[stage])}" for stage in longest) or "no known time"
    count = {status: int((found.status == status).sum()) for status in ("failed", "abandoned")}
    return (
        f"{len(found.status)} questions to {len(found.agents)} agents within {format_ms(1000 * found.span)}. Besides "
        f"{format_ms(1000 * service_s)} of service time, they spent in total: {held}. "
        f"{count['failed']} failed, {count['abandoned']} were abandoned."
    )


def connections(run: Run) -> Chart | None:
    """The lifetime of each connection and the questions sent on it; None if no connection is known."""
    used = run.questions.filter(pl.col("started").is_not_null(), pl.col("connection").is_not_null())
    if used.is_empty():
        return None
    first = run.questions.select(BEGAN.min()).item()
    used = used.select("connection", begins=BEGAN - first, ends=ENDED.fill_null(BEGAN) - first)
    lives = (
        used.group_by("connection")
        .agg(pl.col("begins").min(), pl.col("ends").max(), questions=pl.len())
        .sort("begins", "connection")
    )
    shown = lives.head(CONNECTIONS).with_row_index("place", offset=1)
    span = float(shown["ends"].max()) or 1.0  # type: ignore[arg-type]
    ticks = _ticks(used.join(shown.select("connection", "place"), on="connection"), span, shown.height)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        place = shown["place"].to_numpy().astype(float)
        ends = (shown["begins"].to_numpy(), place), (shown["ends"].to_numpy(), place)
        strokes(axes, *ends, look(0).colour, min(3.0, 300 / shown.height))
        x, y = ticks["begins"].to_numpy(), ticks["place"].to_numpy().astype(float)
        strokes(axes, (x, y - 0.35), (x, y + 0.35), INK, 0.8)
        _frame(axes, span, shown.height, "connection, in order of opening")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))

    thinned = ticks.height < int(shown["questions"].sum())
    return Chart(
        "Lifetimes of the connections",
        _lives_in_words(lives),
        drawn(_height(shown.height), draw),
        _connections_caption(lives.height, thinned, 1000 * span / (TICKS // shown.height)),
    )


def _ticks(used: pl.DataFrame, span: float, lines: int) -> pl.DataFrame:
    """When questions were sent; if there are too many, only the first of each moment on each connection."""
    if used.height <= TICKS:
        return used.sort("place", "begins")
    moment = (pl.col("begins") / span * (TICKS // lines)).floor()
    return used.group_by("place", moment.alias("moment")).agg(pl.col("begins").min()).sort("place", "begins")


def _connections_caption(count: int, thinned: bool, apart_ms: float) -> str:
    caption = (
        "Each line is a connection, from the start of its first question to the end of its last; each tick is a "
        "question sent on it. A line with one tick is a connection that was opened for a single question."
    )
    if count > CONNECTIONS:
        caption += f" Only the first {CONNECTIONS} of {count} connections are drawn."
    return caption + (f" Questions less than {format_ms(apart_ms)} apart may share a tick." if thinned else "")


def _lives_in_words(lives: pl.DataFrame) -> str:
    once = int((lives["questions"] == 1).sum())
    lived = quantile(lives["ends"] - lives["begins"], 0.5)
    return (
        f"{lives.height} connections carried {int(lives['questions'].sum())} questions; {once} carried only one. "
        f"Half of them were in use for {format_ms(1000 * lived)} or less."
    )


def _frame(axes: Axes, span: float, lines: int, name: str) -> None:
    axes.set(xlim=(-0.005 * span, 1.005 * span), ylim=(lines + 0.6, 0.4), ylabel=name)
    axes.set_xlabel("seconds since the run's first question started")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)


def _height(lines: int) -> float:
    return 0.9 + min(TALLEST_IN, 0.15 * lines)
