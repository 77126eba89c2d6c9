"""Reference figures of a sweep: read from a CSV file, kept in sweep.json, shown in the table and the chart."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fanout.errors import NoDataError
from fanout.report import render
from fanout.sweep import Parameter, Plan, Reference, draw, read_plan, read_reference, rows_of, sweep_report
from helpers.processes import command
from helpers.scenarios import MakeScenario
from helpers.sweeps import AGENTS_SWEPT, TOPOLOGY, plan_of, runs_of


def csv_file(folder: Path, text: str) -> Path:
    file = folder / "elsewhere.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_an_earlier_sweep_s_table_is_a_reference_of_its_own_figures(tmp_path: Path) -> None:
    values = (None, True, 0.25, "unlimited", "-x", [1, "a"], {"b": 2})
    plan = plan_of(Parameter("x", values), Parameter("agents", (4, 8)))
    means = [float(n) for n in range(1, 15)]
    rows = rows_of(plan, runs_of(plan, *[[mean] for mean in means[:-1]], []))
    file = tmp_path / "20260101-120000-sweep" / "sweep.csv"
    file.parent.mkdir()
    file.write_text(render(sweep_report(plan, rows, "again", None), "csv"))
    assert read_reference(file, plan) == Reference(label=file.parent.name, mean_ms=(*means[:-1], None))


def test_a_row_belongs_to_the_combination_with_its_values(tmp_path: Path) -> None:
    plan = plan_of(AGENTS_SWEPT, TOPOLOGY)
    file = csv_file(
        tmp_path, "note, client.topology, agents, adapter_mean_ms\n,shared,4.0,7\n,shared,64,1\n,per_agent,2,\n"
    )
    found = read_reference(file, plan)
    mean_ms = dict(zip((each.values for each in plan.combinations), found.mean_ms, strict=True))
    assert {values: mean for values, mean in mean_ms.items() if mean is not None} == {(4, "shared"): 7}
    assert found.label == "elsewhere.csv"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ": has no column agents; allowed: CSV with columns agents, adapter_mean_ms"),
        ("agents,mean\n2,1\n", ": has no column adapter_mean_ms; allowed: "),
        ("agents,adapter_mean_ms\n2,x\n", ":2: adapter_mean_ms: 'x' is not allowed; allowed: a number of ms from 0"),
        ("agents,adapter_mean_ms\n2,1\n4,-1\n", ":3: adapter_mean_ms: '-1' is not allowed"),
        ("agents,adapter_mean_ms\n2,nan\n", ":2: adapter_mean_ms: 'nan' is not allowed"),
        ("agents,adapter_mean_ms\n2,1\n2.0,1\n", ":3: agents: the same as in an earlier row; allowed: one row each"),
        ("agents,adapter_mean_ms\n3,1\n4,\n", ": adapter_mean_ms: none for any combination of this sweep, such as"),
        ("agents,adapter_mean_ms\n2\n", ":2: the row has more or fewer cells than"),
        ('agents,adapter_mean_ms\n2,"1', ": not a CSV file: "),
    ],
)
def test_what_is_no_reference_is_reported_in_a_line(tmp_path: Path, text: str, expected: str) -> None:
    file = csv_file(tmp_path, text)
    with pytest.raises(NoDataError) as found:
        read_reference(file, plan_of(AGENTS_SWEPT))
    assert str(found.value).startswith(f"{file}{expected}")
    assert "\n" not in str(found.value)


def with_reference(plan: Plan, scale: float | None = None) -> Plan:
    mean_ms = (10.0, None, 12.5, *[None] * (len(plan.combinations) - 3))
    return replace(plan, reference=Reference(label="May", mean_ms=mean_ms, service_time_scale=scale))


def test_the_table_and_the_chart_have_it_beside_what_was_measured() -> None:
    plan = with_reference(plan_of(AGENTS_SWEPT))
    rows = rows_of(plan, runs_of(plan, [1.0], [2.0], [3.0]))
    chart = draw(plan, rows)
    assert chart is not None
    assert "Dashed and hollow: May" in chart.caption and "stroke-dasharray" in chart.svg
    assert "(May: 10.0 at 2, 12.5 at 32)" in chart.text
    report = sweep_report(plan, rows, "again", chart)
    titles = [column.title for column in report.tables[0].for_people]
    assert titles.index("May mean ms") == titles.index("mean ms") - 1
    found = csv.DictReader(render(report, "csv").splitlines())
    assert [row["reference_mean_ms"] for row in found] == ["10.0", "", "12.5"]


def test_a_sweep_without_a_reference_has_no_such_column() -> None:
    plan = plan_of(AGENTS_SWEPT)
    chart = draw(plan, rows_of(plan, runs_of(plan, [1.0], [2.0], [3.0])))
    assert chart is not None and "Dashed" not in chart.caption and "stroke-dasharray" not in chart.svg
    assert "reference_mean_ms" not in render(sweep_report(plan, rows_of(plan, [[]] * 3), "again", None), "csv")


@pytest.mark.parametrize(("scale", "noted"), [(None, 0), (0.01, 0), (1.0, 1)])
def test_service_times_of_another_length_are_noted_where_they_are_known(scale: float | None, noted: int) -> None:
    workers = {"service_time": {"distribution": "constant", "value_s": 1.0, "scale": 0.01}}
    plan = with_reference(plan_of(AGENTS_SWEPT, workers=workers), scale)
    notes = sweep_report(plan, rows_of(plan, [[]] * 3), "again", None).notes
    assert len([note for note in notes if note.startswith("May: service times")]) == noted


@pytest.mark.process
def test_a_sweep_is_compared_with_an_earlier_one_and_resumed_with_it(
    make_scenario: MakeScenario, tmp_path: Path
) -> None:
    file = csv_file(tmp_path, "agents,adapter_mean_ms\n2,5\n")
    args = (make_scenario(), "--set", "agents=2", "--results", tmp_path / "results", "--format", "json")
    done = command("sweep", *args, "--reference", file)
    assert done.returncode == 0, done.stderr
    assert [row["reference_mean_ms"] for row in json.loads(done.stdout)["rows"]] == [5]
    file.unlink()
    (sweep,) = (tmp_path / "results").iterdir()
    assert read_plan(sweep).reference == Reference(label="elsewhere.csv", mean_ms=(5,))
    assert command("sweep", "--resume", sweep, "--format", "json").stdout == done.stdout


@pytest.mark.process
def test_a_reference_that_cannot_be_used_is_refused_before_anything_is_made(
    make_scenario: MakeScenario, tmp_path: Path
) -> None:
    small = make_scenario()
    done = command("sweep", small, "--set", "agents=2", "--reference", "nowhere.csv", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, "error: nowhere.csv: can't be read: No such file or directory\n")
    done = command("sweep", "--resume", tmp_path, "--reference", "nowhere.csv", cwd=tmp_path)
    assert done.returncode == 2 and "leave out --reference" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]
