from __future__ import annotations

import pytest

from fanout.errors import NoDataError, Problem, ScenarioError
from fanout.text import is_formula, legal, printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain – ünïcode 日本 👍🏽", "plain – ünïcode 日本 👍🏽"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J\x7f\x00", "\\x9b2J\\x7f\\x00"),
        ("one\r\n\ttwo\u2028three\x85", "one two three "),
        ("abc\u202ecba\u2066\u200f", "abc\\u202ecba\\u2066\\u200f"),
        ("half \ud83d of a pair \uffff", "half \\ud83d of a pair \\uffff"),
    ],
)
def test_what_a_terminal_obeys_is_written_out(text: str, expected: str) -> None:
    assert printable(text) == expected
    assert printable(expected) == expected
    expected.encode()


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1", "-", "+1a"])
def test_a_formula_is_known_by_its_beginning(text: str) -> None:
    assert is_formula(text)


@pytest.mark.parametrize("text", ["", "a=1", "1-2", "-5", "+4.25", "-1e-9", " =", "q-1"])
def test_a_number_or_a_word_is_none(text: str) -> None:
    assert not is_formula(text)


def test_an_error_is_fit_for_a_terminal_whatever_its_file_is_called() -> None:
    assert str(NoDataError("\x1b[2J.csv: can't be read")) == "\\x1b[2J.csv: can't be read"
    problems = [Problem("a\n\x1bb.yaml", 1, "k\x07", "x\u202ey"), Problem("c.yaml", 2, "", "z")]
    assert str(ScenarioError(problems)) == "a \\x1bb.yaml:1: k\\x07: x\\u202ey\nc.yaml:2: z"


def test_what_a_page_cannot_have_is_left_out_and_its_lines_stay() -> None:
    assert legal("a\x1b[31m\n\tb\r\n\x00\u202ec\ud800\uffff\x9fd é") == "a[31m\n\tb\r\ncd é"
