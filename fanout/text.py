"""Text for people: makes it safe to show, shortens it, and formats lists, numbers and durations."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_LISTED = 5

_BREAKS = re.compile("[\t-\r\x85\u2028\u2029]+")
"""Everything that some program takes for the end of a line, and the tab."""
_FORMULA = re.compile("[=+\\-@\t\r＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # ESC and the other control characters
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # characters that change the direction of the text around them
    "\ud800-\udfff\ufffe\uffff]"  # characters that UTF-8 or XML can't represent
)


def printable(text: str) -> str:
    r"""The text on one line, with characters that would control a terminal escaped, as in `\x1b`."""
    return _UNSAFE.sub(lambda found: ascii(found[0])[1:-1], _BREAKS.sub(" ", text))


def legal(text: str) -> str:
    """The text with its line breaks, without characters that HTML or XML forbid or that change text direction."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] in "\t\n\r" else "", text)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take a cell with this text for a formula. Numbers are not formulas."""
    return bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text)


def shorten(text: str, most: int, *, tail: int = 0) -> str:
    """The text in at most `most` characters: … replaces what is cut before the last `tail` characters."""
    if len(text) <= most:
        return text
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def listed(names: Sequence[object], most: int = MAX_LISTED) -> str:
    """`a, b, c and 4 more`; names at most `most` of them."""
    named = ", ".join(map(str, names[:most]))
    return f"{named} and {len(names) - most} more" if len(names) > most else named


def agents_named(numbers: Sequence[int]) -> str:
    """`agents 1, 2, 3 and 4 more`; the numbers count from 1."""
    return f"agent{'s' * (len(numbers) > 1)} {listed(numbers)}"


def format_number(value: float, digits: int = 3) -> str:
    """A number with `digits` significant digits and no exponent: `0.12`, `1.23`, `12.3`, `123`, `1235`."""
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return f"{value:.{max(0, digits - 1 - max(0, exponent))}f}"


def format_ms(value: float, digits: int = 3) -> str:
    """A duration in ms with `digits` significant digits, in seconds from 1 s: `0.12 ms`, `12.3 ms`, `1.23 s`."""
    if float(f"{abs(value):.{digits - 1}e}") < 1000:
        return f"{format_number(value, digits)} ms"
    return f"{format_number(value / 1000, digits)} s"


def format_bytes(count: float) -> str:
    """A size in bytes, kB or MB, with three digits."""
    for unit, bytes_in_it in (("MB", 1e6), ("kB", 1e3)):
        if count >= bytes_in_it:
            return f"{format_number(count / bytes_in_it)} {unit}"
    return f"{count:.0f} bytes"


def data_text(value: object) -> str:
    """A value as written to data files: empty for None, and `true` or `false`."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
