from __future__ import annotations

from dataclasses import dataclass, fields, replace

import pytest

from fanout.analysis.figures import figure, figures_of, first, largest, mean, mean_of_each, total
from fanout.analysis.run_summary import summarize
from fanout.analysis.summary import FIGURES, Summary, together
from helpers.runs import coordinator, frame_of, question, run_of


def test_a_field_without_a_declaration_is_refused() -> None:
    @dataclass(frozen=True)
    class Declared:
        one: int = figure(total)

    @dataclass(frozen=True)
    class More(Declared):
        two: int = 0

    assert figures_of(Declared)["one"].over_runs is total
    with pytest.raises(KeyError):
        figures_of(More)


def test_every_figure_of_a_summary_can_be_combined_over_runs() -> None:
    assert set(FIGURES) == {field.name for field in fields(Summary)} - {"run"}
    info = {"coordinators": [coordinator()]}
    run = replace(run_of([], info=info, agents=32), questions=frame_of([question(n) for n in range(9)]))
    one = summarize(run)
    both = together([one, one])
    assert both.run is None
    for name in FIGURES:
        assert (getattr(both, name) is None) == (getattr(one, name) is None), name
    assert (both.questions, both.mean_ms, both.max_ms, both.phases_ms) == (18, one.mean_ms, one.max_ms, one.phases_ms)


@pytest.mark.parametrize(
    ("over_runs", "values", "expected"),
    [
        (first, [1, 2], 1),
        (total, [1, 2], 3),
        (total, [1, None], None),
        (mean, [1.0, 2.0], 1.5),
        (mean, [1.0, None], None),
        (largest, [None, 1.0, 2.0], 2.0),
        (largest, [None], None),
        (mean_of_each, [{"a": 1.0}, {"a": 3.0}], {"a": 2.0}),
        (mean_of_each, [{"a": 1.0}, None], None),
    ],
)
def test_an_unknown_value_of_one_run_is_not_made_up(over_runs: object, values: list[object], expected: object) -> None:
    assert callable(over_runs)
    assert over_runs(values) == expected
