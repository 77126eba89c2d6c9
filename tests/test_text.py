from __future__ import annotations

import pytest

from fanout.errors import NoDataError, Problem, ScenarioError
from fanout.text import (
    agents_named,
    data_text,
    format_ms,
    format_number,
    is_formula,
    legal,
    listed,
    printable,
    shorten,
)


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


@pytest.mark.parametrize(
    ("text", "most", "tail", "expected"),
    [
        ("", 3, 0, ""),
        ("abc", 3, 0, "abc"),
        ("abcd", 3, 0, "ab…"),
        ("abcdefgh", 5, 2, "ab…gh"),
        ("abcde", 5, 2, "abcde"),
    ],
)
def test_a_long_text_is_shortened_to_its_room(text: str, most: int, tail: int, expected: str) -> None:
    assert shorten(text, most, tail=tail) == expected


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(0, 3, ""), (1, 3, "1"), (3, 3, "1, 2, 3"), (4, 3, "1, 2, 3 and 1 more"), (9, 2, "1, 2 and 7 more")],
)
def test_of_many_names_the_first_are_listed(count: int, most: int, expected: str) -> None:
    assert listed(range(1, count + 1), most) == expected


def test_agents_are_named_by_their_numbers() -> None:
    assert agents_named([7]) == "agent 7"
    assert agents_named(range(1, 10)) == "agents 1, 2, 3, 4, 5 and 4 more"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0.00 ms"), (0.001, "0.00 ms"), (0.126, "0.13 ms"), (-2.5, "-2.50 ms"), (9.994, "9.99 ms"),
        (9.996, "10.0 ms"), (99.94, "99.9 ms"), (99.96, "100 ms"), (999.4, "999 ms"), (999.6, "1.00 s"),
        (-1234, "-1.23 s"), (99_960, "100 s"), (1e9, "1000000 s"),
    ],
)  # fmt: skip
def test_a_duration_has_three_digits_and_is_in_seconds_from_one_on(value: float, expected: str) -> None:
    assert format_ms(value) == expected


def test_more_digits_tell_close_figures_apart() -> None:
    assert (format_ms(50.0004, 6), format_number(0.02, 4), format_ms(1000.4, 5)) == ("50.0004 ms", "0.020", "1.0004 s")


@pytest.mark.parametrize(
    ("value", "expected"), [(None, ""), (True, "true"), (False, "false"), (0, "0"), (0.25, "0.25"), ("a", "a")]
)
def test_a_value_in_a_data_file(value: object, expected: str) -> None:
    assert data_text(value) == expected
