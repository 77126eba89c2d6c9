"""Turns a Matplotlib figure into SVG: an element of a page, in its text colour and font, or a file of its own."""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from collections.abc import Callable
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.figure import Figure

from fanout.report._report import Chart
from fanout.report.charts._style import INK, SETTINGS, WIDTH_IN
from fanout.text import legal

HREF = "{http://www.w3.org/1999/xlink}href"
FILE_INK = "#1f2328"
LINE_PT, CAPTION_CHARACTERS = 14, 120
"""The height of a line of text in a file, and the most characters in a line of its caption."""

_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_LONG_NUMBER = re.compile(r"\d+\.\d{3,}")
_FONT = re.compile(r"font: ?(?P<words>[^;']*?)(?P<size>[\d.]+px)[^;]*|font-family:[^;]*;?")
_CURVED = re.compile(r"[^MLz\d\s.-]|z\s*L")
_LINE = re.compile(r"\s+(L )?")


def drawn(height_in: float, draw: Callable[[Figure], None]) -> str:
    """What `draw` puts on a figure of this height in inches, as SVG with a transparent background."""
    text = io.StringIO()
    with rc_context(SETTINGS), warnings.catch_warnings():
        # Matplotlib's font is only used to measure text; the browser uses its own.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        draw(figure)
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    return text.getvalue()


def inline(chart: Chart, name: str) -> str:
    """The chart as an element of an HTML page, in the page's text colour and font; its ids begin with `name`.

    It has the title and the figures for screen readers. The page itself shows the title, the caption and the keys.
    """
    return ElementTree.tostring(_element(chart, name), encoding="unicode")


def standalone(chart: Chart) -> str:
    """The chart as an SVG document: on white, with the title above and the caption below, without keys."""
    inner = _element(chart, "chart")
    width, height = (float(size) for size in inner.attrib["viewBox"].split()[2:])
    caption = textwrap.wrap(legal(chart.caption), CAPTION_CHARACTERS)
    top, bottom = 1.5 * LINE_PT, LINE_PT * (len(caption) + 0.5) if caption else 0.0
    inner.attrib |= {"y": f"{top:g}", "width": f"{width:g}", "height": f"{height:g}"}
    size = {"width": f"{width:g}", "height": f"{top + height + bottom:g}"}
    root = ElementTree.Element("svg", {
        "xmlns": "http://www.w3.org/2000/svg", "width": f"{size['width']}pt", "height": f"{size['height']}pt",
        "viewBox": f"0 0 {size['width']} {size['height']}", "color": FILE_INK, "font-family": "sans-serif",
        "stroke-linejoin": "round",
    })  # fmt: skip
    ElementTree.SubElement(root, "rect", {**size, "fill": "white"})
    _write(root, legal(chart.title), LINE_PT, 11)
    root.append(inner)
    for number, line in enumerate(caption, 1):
        _write(root, line, top + height + number * LINE_PT, 9)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _write(root: ElementTree.Element, line: str, y: float, size: int) -> None:
    attributes = {"x": "6", "y": f"{y:g}", "font-size": str(size), "fill": "currentColor"}
    ElementTree.SubElement(root, "text", attributes).text = line


def _element(chart: Chart, name: str) -> ElementTree.Element:
    """The drawing without a fixed size, with the title and the figures in words."""
    root = ElementTree.fromstring(legal(chart.svg))  # noqa: S314 - it was drawn here
    _simplify(root)
    used = _references(root)
    for element in root.iter():
        _rewrite(element, {old: f"{name}-{old}" for old in used})
    for size in ("width", "height"):
        root.attrib.pop(size)
    root.attrib |= {"role": "img", "aria-labelledby": f"{name}-title {name}-text"}
    for place, (tag, part, words) in enumerate((("title", "title", chart.title), ("desc", "text", chart.text))):
        said = ElementTree.Element(tag, {"id": f"{name}-{part}"})
        said.text = legal(words)
        root.insert(place, said)
    return root


def _simplify(root: ElementTree.Element) -> None:
    """Removes namespaces, which HTML doesn't need, and styles, which would apply to the whole page."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    for parent in list(root.iter()):
        for style in parent.findall("style"):
            parent.remove(style)


def _references(root: ElementTree.Element) -> set[str]:
    """The ids that any element refers to."""
    values = [(name, value) for element in root.iter() for name, value in element.attrib.items()]
    clipped = {found for _, value in values for found in _REFERENCE.findall(value)}
    return clipped | {value[1:] for name, value in values if name == HREF}


def _rewrite(element: ElementTree.Element, ids: dict[str, str]) -> None:
    """Gives an element its new ids, and the text colour and font of its surroundings."""
    attributes = dict(element.attrib)
    element.attrib.clear()
    for name, value in attributes.items():
        if name == HREF:
            element.set("href", f"#{ids[value[1:]]}")
        elif name != "id":
            element.set(name, _restyled(name, _REFERENCE.sub(lambda found: f"url(#{ids[found[1]]})", value)))
        elif value in ids:
            element.set(name, ids[value])


def _restyled(name: str, value: str) -> str:
    value = value.replace(INK, "currentColor")
    if name == "style":
        return _FONT.sub(lambda found: f"font-size: {found['size']}" if found["size"] else "", value)
    if name == "d":
        # Halves the bytes: no screen shows less than a hundredth of a point, and after a move, lines are the default.
        value = _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}", value)
        return value if _CURVED.search(value) else _LINE.sub(" ", value).strip()
    return value
