"""fanout.report.charts: distinguishable colours, SVG for a page and for a file, and the general charts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from fanout.phases import PHASE_COLOURS, PHASES
from fanout.report import Chart
from fanout.report.charts import (
    Dot,
    Line,
    Panel,
    ParameterAxis,
    Point,
    dots_chart,
    history_chart,
    inline,
    lines_chart,
    standalone,
)
from fanout.report.charts._history import STRETCHES, _thinned
from fanout.report.charts._lines import spread
from fanout.report.charts._style import COLOURS, INK, look
from fanout.runs.locust_csv import Moment
from helpers.paths import ROOT
from helpers.texts import numbers

SVG = "{http://www.w3.org/2000/svg}"
XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
SHAPES = Chart(
    "T<",
    "figures",
    f'<svg xmlns="http://www.w3.org/2000/svg" {XLINK} width="90pt" height="45pt" viewBox="0 0 90 45"><defs>'
    '<style type="text/css">*{stroke-linejoin: round}</style><path id="dot" d="M 0 0 \nL 1.23456 1"/></defs>'
    '<g id="unused" clip-path="url(#dot)"><use xlink:href="#dot"/>'
    f"<rect style=\"fill: {INK}; font: 9px 'A', serif; stroke: none\"/></g></svg>",
    "Read it.",
)

Numbers = NDArray[np.float64]
# Machado, Oliveira and Fernandes 2009, table 1, severity 1.0.
EYES = {
    "all": np.eye(3),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.052]]
    ),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.96888]]
    ),
}


def linear(colour: str) -> Numbers:
    """Red, green and blue, by sRGB's definition, IEC 61966-2-1."""
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio, from 1 to 21."""
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def apart(one: str, other: str, eyes: Numbers) -> float:
    """The distance in Oklab (https://bottosson.github.io/posts/oklab/), in hundredths; about 2 is just visible."""
    cones = np.array([[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]])
    axes = np.array([[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]])
    seen = (axes @ np.cbrt(cones @ np.clip(eyes @ linear(colour), 0, 1)) for colour in (one, other))
    return float(100 * np.linalg.norm(next(seen) - next(seen)))


def test_every_phase_has_a_colour_of_its_own() -> None:
    assert set(PHASE_COLOURS) == set(PHASES)
    assert len(set(PHASE_COLOURS.values())) == len(PHASES)


@pytest.mark.parametrize("colour", sorted({*PHASE_COLOURS.values(), *COLOURS}))
def test_every_colour_is_legible_on_a_light_and_on_a_dark_page(colour: str) -> None:
    grounds = re.findall(r"--ground: (#\w+)", (ROOT / "fanout/report/report.html.j2").read_text(encoding="utf-8"))
    assert len(grounds) == 2
    for ground in grounds:
        # WCAG 2.2, 1.4.11: non-text contrast.
        assert contrast(colour, ground if len(ground) == 7 else f"#{ground[1] * 6}") >= 3


@pytest.mark.parametrize("eyes", EYES)
def test_adjacent_phases_differ_for_colour_blind_people(eyes: str) -> None:
    for one, other in itertools.pairwise(PHASES):
        assert apart(PHASE_COLOURS[one], PHASE_COLOURS[other], EYES[eyes]) > 7


def test_lines_look_different_with_and_without_markers() -> None:
    looks = [look(number) for number in range(42)]
    assert len({(style.colour, style.marker) for style in looks}) == 42
    assert len({(style.colour, style.dash) for style in looks[:18]}) == 18


def test_a_chart_becomes_part_of_a_page() -> None:
    found = ElementTree.fromstring(inline(SHAPES, "a"))
    assert found.attrib == {"viewBox": "0 0 90 45", "role": "img", "aria-labelledby": "a-title a-text"}
    assert [(part.tag, part.get("id"), part.text) for part in found[:2]] == [
        ("title", "a-title", "T<"), ("desc", "a-text", "figures")
    ]  # fmt: skip
    parts = {part.tag: part.attrib for part in found.iter()}
    assert "style" not in parts
    assert parts["path"] == {"id": "a-dot", "d": "M 0 0 1.23 1"}
    assert parts["g"] == {"clip-path": "url(#a-dot)"}
    assert parts["use"] == {"href": "#a-dot"}
    assert parts["rect"] == {"style": "fill: currentColor; font-size: 9px; stroke: none"}


def test_a_chart_becomes_a_file_on_white_with_its_title_and_caption() -> None:
    text = standalone(SHAPES)
    root = ElementTree.fromstring(text)
    assert INK not in text
    ground, title, chart, caption = root
    assert (ground.get("fill"), title.text, chart.tag, caption.text) == ("white", "T<", f"{SVG}svg", "Read it.")
    width, height = (float(root.attrib[side].removesuffix("pt")) for side in ("width", "height"))
    assert root.get("viewBox") == f"0 0 {width:g} {height:g}"
    assert width == float(chart.attrib["width"])
    assert float(chart.attrib["y"]) + float(chart.attrib["height"]) < float(caption.attrib["y"]) < height
    assert root.get("color") and "currentColor" in text
    assert len(ElementTree.fromstring(standalone(replace(SHAPES, caption="word " * 99)))) > 5


def line(label: str, values: dict[float, Sequence[float]], reference: dict[float, float] | None = None) -> Line:
    points = [Point(x, sum(found) / len(found), min(found), max(found)) for x, found in values.items()]
    return Line(label, tuple(points), tuple((reference or {}).items()))


AGENTS = ParameterAxis("agents", ((4.0, "4"), (8.0, "8"), (40.0, "40")), is_numeric=True)
SHARED = line("shared", {4: [1, 3], 8: [90, 110], 40: [19, 21]}, {4: 7.5})


def drawn(*lines: Line, axis: ParameterAxis = AGENTS) -> Chart | None:
    panels = [Panel("latency, ms", lines), Panel("CPU, ms", tuple(replace(line, points=()) for line in lines))]
    return lines_chart("T", axis, panels, labels_name="topology", reference_name="published", caption="C")


def test_lines_are_described_in_words() -> None:
    chart = drawn(SHARED, line("alone", {8: [5]}), Line("none", ()))
    assert chart is not None
    latency, cpu = chart.text.split(" CPU, ms")
    assert numbers(latency) == [2, 4, 20, 40, 100, 8, 7.5, 4, 5, 8]
    assert all(name in latency for name in ("agents", "shared", "alone", "published")) and "none" not in latency
    assert numbers(cpu) == []


def texts(chart: Chart | None) -> list[str]:
    assert chart is not None
    return [text.text or "" for text in ElementTree.fromstring(chart.svg).iter(f"{SVG}text")]


def test_lines_are_named_at_their_ends_and_their_axes_are_labelled() -> None:
    found = texts(drawn(SHARED, line("$x$ <b>", {4: [2]})))
    assert {"latency, ms", "CPU, ms", "agents", "topology", "shared", "$x$ <b>", "4", "8", "40", "100"} <= set(found)
    categories = ParameterAxis("host", ((0.0, "a"), (1.0, "b\x1b" + "c" * 99)), is_numeric=False)
    found = texts(drawn(line("", {0: [1], 1: [2]}), axis=categories))
    assert "topology" not in found
    assert "a" in found and any(re.fullmatch(r"b\\x1bc+…", text) for text in found)


@pytest.mark.slow
def test_a_chart_without_points_is_none_and_one_of_many_lines_is_deterministic() -> None:
    assert drawn() is None
    assert drawn(Line("none", ())) is None
    many = [line(str(n), {4: [n], 8: [n + 1]}) for n in range(90)]
    assert drawn(*many) == drawn(*many)
    assert drawn(line("zero", {4: [0], 8: [0]})) is not None


def test_labels_are_spread_in_their_order() -> None:
    found = spread({0: 0.5, 1: 0.51, 2: 0.1, 3: 1.0, 4: 0.99}, 0.1)
    assert sorted(found, key=found.__getitem__) == [2, 0, 1, 4, 3]
    places = sorted(found.values())
    assert all(high - low >= 0.1 - 1e-9 for low, high in itertools.pairwise(places))
    assert places[0] >= 0 and places[-1] <= 1
    assert spread({}, 0.1) == {}


def test_dots_have_names_and_values() -> None:
    chart = dots_chart("T", "mean latency", [Dot("slow", 1200.0, stands_out=True), Dot("quick", 12.0)])
    assert chart.text == "mean latency: slow: 1.20 s; quick: 12.0 ms."
    assert {"slow", "1.20 s", "quick", "12.0 ms", "mean latency, ms (logarithmic)"} <= set(texts(chart))
    assert dots_chart("T", "one", [Dot("it", 0.5)]).svg


MOMENTS = [
    Moment(1774000000.0, 1, 0.0, 0.0, None, None),
    Moment(1774000001.0, 5, 9.5, 0.5, 30.0, 70.0),
    Moment(1774000002.0, 4, 8.0, 0.0, 40.0, 60.0),
]


def test_a_history_is_described_and_drawn() -> None:
    chart = history_chart("x", MOMENTS)
    assert chart is not None
    said = [numbers(part.replace("95 %", "")) for part in chart.text.split(";")]
    assert said == [[0, 8, 9.5], [0, 0, 0.5], [1, 4, 5], [30, 40, 40], [70, 60, 70]]
    assert [key.label for key in chart.keys] == ["requests/s", "failures/s", "users", "median, ms", "95 %, ms"]
    assert {"per second", "users", "ms", "seconds since the history began"} <= set(texts(chart))


def test_what_a_history_does_not_know_is_not_drawn() -> None:
    old = history_chart("x", [replace(moment, users=None) for moment in MOMENTS])
    assert old is not None and "users" not in {*texts(old), *(key.label for key in old.keys)}
    assert history_chart("x", MOMENTS[:1]) is history_chart("x", []) is None
    assert history_chart("x", [Moment(second, None, None, None, None, None) for second in (1.0, 2.0)]) is None


@pytest.mark.slow
def test_a_long_history_keeps_its_extremes() -> None:
    seconds = np.arange(9000.0)
    values = np.where(seconds % 3 == 0, 20.0, np.nan)
    values[4321], values[7000] = 99.0, 1.0
    x, y = _thinned(seconds, values)
    assert len(x) <= 2 * STRETCHES and list(x) == sorted(x)
    assert (x[y == 99.0], x[y == 1.0]) == (4321.0, 7000.0)
    chart = history_chart("x", [Moment(second, 9, 50.0, 0.0, value, None) for second, value in zip(x, y, strict=True)])
    assert chart is not None and numbers(chart.text.split(";")[-1])[-1] == 99
    long = history_chart("x", [Moment(second, 9, 50.0, 0.0, 20.0, None) for second in seconds])
    assert long is not None and len(long.svg) < 200_000 and numbers(long.caption)[-1] == STRETCHES
