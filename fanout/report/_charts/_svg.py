"""How a chart is drawn and put into a page: Matplotlib's SVG, made part of an HTML document.

Ink is drawn in a colour that stands for the page's own, so that a chart is legible on light and on dark.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.figure import Figure

from fanout.svg import SETTINGS
from fanout.text import legal

INK = "#010203"
"""Stands for the colour of the page's text."""
WIDTH_IN = 9.0

_STYLE: Any = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "grid.color"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize", "xtick.labelsize", "ytick.labelsize"), 9),
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "grid.alpha": 0.2,
    "grid.linewidth": 0.6,
    **SETTINGS,
}

_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_LONG_NUMBER = re.compile(r"\d+\.\d{3,}")
_FONT = re.compile(r"font: ?(?P<words>[^;']*?)(?P<size>[\d.]+px)[^;]*|font-family:[^;]*;?")
_CURVED = re.compile(r"[^MLz\d\s.-]|z\s*L")
_LINE = re.compile(r"\s+(L )?")
_XLINK = "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True)
class Key:
    """What a colour stands for."""

    label: str
    colour: str
    dash: str = "solid"
    """CSS's word for the line's style."""


@dataclass(frozen=True)
class Drawing:
    """A chart that was drawn, and what is to be said with it."""

    title: str
    text: str
    """The figures that are to be seen, for those who don't see them."""
    caption: str
    """How to read it, and what was left out."""
    svg: str
    keys: tuple[Key, ...] = ()


def in_short(text: str, most: int = 36) -> str:
    """The text on one line of at most so many characters, as a chart has room for."""
    line = " ".join(legal(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def drawn(height_in: float, draw: Callable[[Figure], None]) -> str:
    """What `draw` puts on a figure of this height in inches, as SVG with a transparent ground."""
    text = io.StringIO()
    with rc_context(_STYLE), warnings.catch_warnings():
        # The browser has fonts of its own; Matplotlib's is only measured.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        draw(figure)
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return text.getvalue()


def inline(svg: str, name: str, title: str, text: str) -> str:
    """An SVG document as an element of an HTML page, with a title and a description, and ids that begin with `name`.

    Raises xml.etree.ElementTree.ParseError for what isn't SVG.
    """
    root = ElementTree.fromstring(legal(svg))  # noqa: S314 - it was drawn here
    _tidy(root)
    used = _references(root)
    for element in root.iter():
        _rewrite(element, {old: f"{name}-{old}" for old in used})
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{name}-title {name}-text"}
    for place, (tag, words) in enumerate((("title", title), ("desc", text))):
        said = ElementTree.Element(tag, {"id": f"{name}-{'title' if tag == 'title' else 'text'}"})
        said.text = legal(words)
        root.insert(place, said)
    return ElementTree.tostring(root, encoding="unicode")


def _tidy(root: ElementTree.Element) -> None:
    """Drops namespaces, which HTML has no use for, and what doesn't draw or would reach the whole page."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    for parent in list(root.iter()):
        for child in list(parent):
            everywhere = child.tag == "style" and (child.text or "").lstrip().startswith("*")
            if child.tag in ("metadata", "script", "foreignObject") or everywhere:
                parent.remove(child)
    for child in [child for child in root if child.tag in ("title", "desc")]:
        root.remove(child)


def _references(root: ElementTree.Element) -> set[str]:
    """The ids that something in it refers to."""
    found = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            found |= set(_REFERENCE.findall(value))
            if name in ("href", _XLINK) and value.startswith("#"):
                found.add(value[1:])
    return found


def _rewrite(element: ElementTree.Element, ids: dict[str, str]) -> None:
    """Gives an element its new ids and the page's ink and font; a reference to something outside is dropped."""
    attributes = dict(element.attrib)
    element.attrib.clear()
    for name, value in attributes.items():
        if name == "id":
            if value in ids:
                element.set(name, ids[value])
        elif name in ("href", _XLINK):
            if value.startswith("#"):
                element.set("href", f"#{ids[value[1:]]}")
            elif value.startswith("data:"):
                element.set("href", value)
        elif not name.startswith(("on", "{")):
            element.set(name, _restyled(name, _REFERENCE.sub(lambda found: f"url(#{ids[found[1]]})", value)))


def _restyled(name: str, value: str) -> str:
    value = value.replace(INK, "currentColor")
    if name == "style":
        return _FONT.sub(lambda found: f"font-size: {found['size']}" if found["size"] else "", value)
    if name == "d":
        # A hundredth of a point is finer than any screen, and what follows a move are lines anyway: half the bytes.
        value = _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}", value)
        return value if _CURVED.search(value) else _LINE.sub(" ", value).strip()
    return value
