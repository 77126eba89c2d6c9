"""Text from outside, made fit to be shown: nothing in it that a terminal obeys or that can't be written down."""

from __future__ import annotations

import re
from collections.abc import Sequence

_BREAKS = re.compile("[\t-\r\x85\u2028\u2029]+")
"""What ends a line somewhere, and the tabulator."""
_FORMULA = re.compile("[=+\\-@\t\r＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_OBEYED = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # ESC and the other control characters
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns round the direction of the text around it
    "\ud800-\udfff\ufffe\uffff]"  # what neither UTF-8 nor XML can write
)


def printable(text: str) -> str:
    r"""The text on one line, with what a terminal would obey written out, as in `\x1b`."""
    return _OBEYED.sub(lambda found: ascii(found[0])[1:-1], _BREAKS.sub(" ", text))


def legal(text: str) -> str:
    """The text on its lines, without what HTML and XML can't have or what turns round the text beside it."""
    return _OBEYED.sub(lambda found: found[0] if found[0] in "\t\n\r" else "", text)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take a cell with this text for a formula; a number is none."""
    return bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text)


def agents_named(numbers: Sequence[int], most: int) -> str:
    """Agents by their numbers, from 1; no more than `most` where they are many."""
    named = ", ".join(map(str, numbers[:most]))
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return f"agent{'s' * (len(numbers) > 1)} {named}{more}"
