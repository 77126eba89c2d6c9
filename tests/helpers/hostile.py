"""Hypothesis strategies for damaged or malicious files, bodies and lines."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from hypothesis import strategies as st

NASTY: list[Any] = [
    "", " ", "\x00", "\x1b[2J", "\u202e", "\ud800", "\ufeff", "=1+1", "../../etc/passwd", "/dev/zero", "a\nb",
    "9" * 5000, "<script>", "$x^2$", "%s{0}", "[bold]", None, True, 0, -1, 1, 2**31, 2**63, -(2**63) - 1,
    10**400, 0.5, -0.0, 1e308, -1e308, 5e-324, math.inf, -math.inf, math.nan, [], {}, [[]], [None], {"": {}},
    {"a": [1, {"b": "c"}]},
]  # fmt: skip
SNIPPETS = [
    "\x00", "\x1b[31m", "\u2028", "\ufeff", '"', "'", ",", "\n", "\r", "{", "}", "[", "]", "[" * 3000, '{"a":' * 3000,
    "- " * 3000, "(" * 3000, "1e999999", "9" * 5000, "0x" + "f" * 5000, "1" + ":59" * 3000, "2001-13-45",
    "!!python/name:os.system ", "!!python/object/apply:os.system [exit]", "&a [*a]", "<<: *a", "? [a]: b", "!!set {a}",
    "!!binary =", "%YAML 9.9", "---", "NaN", "-Infinity", "\\ud800", '"\\UFFFFFFFF"', "x" * 5000, " " * 5000,
    "\\" * 5000, "=cmd|' /C calc'!A0", "<", "*", ": ",
]  # fmt: skip

SCALARS = st.one_of(st.sampled_from(NASTY), st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NOISE = st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass")))


def alike(value: Any) -> st.SearchStrategy[Any]:
    """Other values of the same type, which a reader may accept, so that the code after it is tested too."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int | float):
        whole = st.one_of(st.integers(0, 5), st.integers(0, 10**12))
        return whole if isinstance(value, int) else st.one_of(whole, st.floats(0, 1e12))
    if isinstance(value, str):
        return st.one_of(st.text(max_size=12), st.sampled_from([found for found in NASTY if isinstance(found, str)]))
    return st.sampled_from([value, None, [], {}])


def paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every node in a document."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inside:
        yield (*path, key)
        yield from paths(value, (*path, key))


@st.composite
def changed(draw: st.DrawFn, documents: Sequence[Any]) -> Any:
    """One of the documents, with a few of its nodes replaced, removed, duplicated or moved."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(0, 3))):
        known = list(paths(document))
        if not known:
            break
        *way, last = draw(st.sampled_from(known))
        parent: Any = document
        for step in way:
            parent = parent[step]
        match draw(st.sampled_from(("alike", "alike", "alike", "replace", "remove", "double", "move"))):
            case "alike":
                parent[last] = copy.deepcopy(draw(alike(parent[last])))  # what is drawn may be drawn again
            case "replace":
                parent[last] = copy.deepcopy(draw(JSON))
            case "remove":
                del parent[last]
            case "double" if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[last]))
            case "move" if isinstance(parent, dict):
                parent[draw(st.text(max_size=12))] = parent.pop(last)
    return document


@st.composite
def damaged(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> bytes:
    """One of the texts as bytes, perhaps cut off, with other text inserted, or in another encoding."""
    text = draw(texts)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        until = min(len(text), at + draw(st.integers(0, 40)))
        middle = draw(st.one_of(st.just(""), st.sampled_from(SNIPPETS), st.text(max_size=20)))
        text = text[:at] + middle + text[until:]
    if draw(st.integers(0, 9)) == 0:
        text = text[: draw(st.integers(0, len(text)))]
    encoding = draw(st.sampled_from(("utf-8", "utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1")))
    data = text.encode(encoding, errors="replace" if encoding == "latin-1" else "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=8)) + data[at + 1 :]
    return data


def as_json(documents: Sequence[Any]) -> st.SearchStrategy[bytes]:
    """JSON files like these."""
    return st.one_of(
        changed(documents).map(lambda found: json.dumps(found).encode()),
        damaged(changed(documents).map(json.dumps)),
        NOISE,
    )


def as_yaml(documents: Sequence[Any]) -> st.SearchStrategy[bytes]:
    """YAML files like these."""
    texts = changed(documents).map(lambda found: yaml.safe_dump(found, sort_keys=False))
    return st.one_of(texts.map(str.encode), damaged(texts), NOISE)


def as_lines(lines: Sequence[str]) -> st.SearchStrategy[bytes]:
    """Files of lines like these, each any number of times."""
    several = st.lists(st.sampled_from(lines), max_size=6).map(lambda found: "".join(f"{line}\n" for line in found))
    return st.one_of(damaged(several), damaged(st.just("\n".join(lines) + "\n")), NOISE)
