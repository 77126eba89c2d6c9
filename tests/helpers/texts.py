"""Takes the data from messages, whatever their wording."""

from __future__ import annotations

import re


def numbers(text: str) -> list[float]:
    """The numbers in a text, in their order."""
    return [float(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text)]
