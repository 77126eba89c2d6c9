"""Readers of run directories and other stored files, with all reports of them, and of gates."""

from __future__ import annotations

import contextlib
import json
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from fanout.analysis.compare import compare_with
from fanout.analysis.gate_results import judge
from fanout.analysis.repeats import gathered
from fanout.analysis.run_summary import summarize
from fanout.analysis.sources import read_source
from fanout.analysis.summary import Summary
from fanout.errors import FanoutError
from fanout.report import comparison, render, with_gates
from fanout.report.charts import history_chart
from fanout.runs.baselines import checked_name, find_baseline, save_baseline
from fanout.runs.locust_csv import read_history
from fanout.runs.reader import Run, read_run
from fanout.scenario.gate_syntax import parse_gate
from fanout.studies.ablation import COMMAND, Figures
from fanout.studies.evidence import read_figures
from fanout.sweep import (
    Plan,
    Reference,
    draw,
    grid_of,
    parse_parameters,
    read_plan,
    read_reference,
    rows_of,
    sweep_report,
    write_plan,
)
from fanout.text import printable
from fanout.web.analysis_process._commands import answer_to
from fanout.web.run_list import directory_of
from fuzz_reader import reader
from fuzz_scenarios import QUESTIONS, REMOTE, SCENARIO, beside
from helpers import hostile
from helpers import locust_stats as locust
from helpers.paths import ROOT


def run_directory(folder: Path) -> Path:
    directory = folder / "run"
    directory.mkdir()
    for name, text in RUN.items():
        (directory / name).write_text(text, encoding="utf-8")
    return directory


SAMPLE = ROOT / "tests" / "data" / "run"
RUN = {file.name: file.read_text(encoding="utf-8") for file in SAMPLE.iterdir()}
INFO = {
    **json.loads(RUN["run.json"]), "series": {"series": "bench", "place": 1, "repeat": 1},
    "problems": ["agents 1 died during the run: look for their messages above"],
}  # fmt: skip
FAILED = "9,1,1,2,failed,read_timeout,nothing received for 5 s,1795376675.4,5000.0,,,1,1,1,1,1,1,1,1,1,true,1-2,2\n"
TABLES = st.sampled_from([RUN["questions.csv"], RUN["questions.csv"] + FAILED])
DAMAGED_RUN = st.one_of(
    st.tuples(st.just("run.json"), hostile.changed([INFO]).map(lambda info: json.dumps(info).encode())),
    st.tuples(st.just("run.json"), hostile.as_json([INFO])),
    st.tuples(st.just("questions.csv"), st.one_of(hostile.damaged(TABLES), hostile.NOISE)),
    st.tuples(st.just("scenario.yaml"), hostile.as_yaml([SCENARIO, REMOTE])),
)


@cache
def good_run() -> Run:
    return read_run(SAMPLE)


def report_on(found: list[Summary], *formats: str) -> None:
    """Compares the runs with a good one, judges and reports them; no report may have control characters."""
    repeats = gathered([summarize(good_run()), *found])
    rows = compare_with(repeats, [repeats[0]] * len(repeats))
    gates = [
        parse_gate(text) for text in ("adapter.p95 < 1.2 * baseline", "connections.opened <= agents", "suspect == 0")
    ]
    report = with_gates(comparison(rows), judge(rows, gates))
    for name in formats:
        text = render(report, name)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text), name


@reader(DAMAGED_RUN)
def run(damage: tuple[str, bytes], folder: Path) -> None:
    directory = run_directory(folder)
    name, data = damage
    (directory / name).write_bytes(data)
    report_on(read_source(directory), "text", "markdown", "csv", "json", "junit")


@reader(DAMAGED_RUN, share=1 / 40)
def run_as_html(damage: tuple[str, bytes], folder: Path) -> None:
    directory = run_directory(folder)
    name, data = damage
    (directory / name).write_bytes(data)
    report_on(read_source(directory), "html")


@reader(DAMAGED_RUN, share=1 / 4)
def run_for_the_web(damage: tuple[str, bytes], folder: Path) -> None:
    directory = run_directory(folder)
    name, data = damage
    (directory / name).write_bytes(data)
    known = {**INFO, "ended": None, "ended_by": None}
    seen = answer_to({"do": "overview", "runs": [str(directory)]})
    assert "internal error" not in str(seen["rows"][0]["problem"])
    for command in (
        {"do": "advise", "info": known, "directory": str(directory)},
        {"do": "advise", "info": None, "directory": str(directory)},
        {"do": "compare", "runs": [str(SAMPLE), str(directory)]},
    ):
        text = json.dumps(answer_to(command), allow_nan=False, ensure_ascii=False)
        assert text == printable(text)


@reader(
    st.one_of(
        st.text(max_size=100),
        st.lists(
            st.sampled_from(["..", ".", "", "run", "results", "baselines", "\x00", "a" * 300, "~"]), max_size=4
        ).map("/".join),
    )
)
def run_id(text: str, folder: Path) -> None:
    results = folder / "results"
    results.mkdir()
    run_directory(folder)
    run_directory(results)
    assert directory_of(results, text) == results / "run"


HEADER = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    "Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"
)
STATS = [
    "a2a,a2a-tuned,100,3,3.2,14.5,1.8,66.0,268,29,0,3,4,5,6,7,44,45,46,60,61,66",
    "GET,/x,7,0,1.0,2.0,1.0,3.0,10,1,0,1,1,1,1,1,2,2,2,3,3,N/A",
    ",Aggregated,107,3,3.0,14.0,1.0,66.0,250,30,0,3,4,5,6,7,40,45,46,60,61,66",
]


@reader(
    st.one_of(
        hostile.as_lines(STATS).map(lambda rows: HEADER.encode() + b"\n" + rows), hostile.as_lines([HEADER, *STATS])
    )
)
def locust_stats(data: bytes, folder: Path) -> None:
    file = folder / "x_stats.csv"
    file.write_bytes(data)
    report_on(read_source(file), "text", "markdown", "csv", "json", "junit")


REPORTS = [
    locust.V0_13, locust.V0_12_REQUESTS, locust.V0_12_DISTRIBUTION, locust.HISTORY, locust.HISTORY_V0_13,
    locust.FAILURES, locust.EXCEPTIONS, locust.JSON, locust.HTML, locust.excel("\n".join([HEADER, *STATS])),
]  # fmt: skip


@reader(st.one_of(hostile.damaged(st.sampled_from(REPORTS)), hostile.NOISE))
def locust_reports(data: bytes, folder: Path) -> None:
    file = folder / "x_stats.csv"
    file.write_bytes(data)
    report_on(read_source(file), "text", "json")


@reader(st.one_of(hostile.as_lines(locust.HISTORY.splitlines()), hostile.damaged(st.just(locust.HISTORY_V0_13))))
def locust_history(data: bytes, folder: Path) -> None:
    file = folder / "x_stats_history.csv"
    file.write_bytes(data)
    read_history(file)


@reader(hostile.as_lines(locust.HISTORY.splitlines()), share=1 / 40)
def locust_history_chart(data: bytes, folder: Path) -> None:
    file = folder / "x_stats_history.csv"
    file.write_bytes(data)
    history_chart("x", read_history(file))


@reader(
    st.one_of(st.text(max_size=100), st.sampled_from(["..", ".", "a/../..", "/etc", "\x00", "a" * 300, "base", "~"])),
    FanoutError,
    ValueError,
)
def baseline_name(name: str, folder: Path) -> None:
    results = folder / "results"
    save_baseline([SAMPLE], "base", results)
    if (
        name
        and not Path(name).is_absolute()
        and "\x00" not in name
        and len(name) < 200
        and not (results / name).exists()
    ):
        with contextlib.suppress(FanoutError):
            find_baseline(name, results)
    saved = save_baseline([SAMPLE], checked_name(name), results)
    assert saved.resolve().parent == (results / "baselines").resolve()
    assert find_baseline(name, results) == saved


@cache
def plan() -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        file = beside(Path(folder))
        file.write_text("extends: base.yaml\nquestions: mine.jsonl\n", encoding="utf-8")
        parameters = parse_parameters(["agents=2,4", "client.topology=shared,per_agent"])
        name, combinations = grid_of(file, parameters)
        reference = Reference(label="earlier", mean_ms=(1.0, None, 3.0, 4.5), service_time_scale=0.1)
        write_plan(Plan(name, parameters, combinations, repeat=2, reference=reference), Path(folder))
        found: dict[str, Any] = json.loads((Path(folder) / "sweep.json").read_text(encoding="utf-8"))
        return found


@reader(st.deferred(lambda: hostile.as_json([plan()])))
def sweep_plan(data: bytes, folder: Path) -> None:
    (folder / "sweep.json").write_bytes(data)
    (folder / "questions-1.jsonl").write_text("\n".join(QUESTIONS), encoding="utf-8")
    found = read_plan(folder)
    assert all(isinstance(s.questions, int) or Path(s.questions).parent == folder.resolve() for s in found.scenarios)
    rows = rows_of(found, [[good_run()]] * len(found.combinations))
    report = sweep_report(found, rows, "again", None)
    for name in ("text", "csv", "json", "markdown"):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", render(report, name))


@reader(st.deferred(lambda: hostile.as_json([plan()])), share=1 / 40)
def sweep_chart(data: bytes, folder: Path) -> None:
    (folder / "sweep.json").write_bytes(data)
    (folder / "questions-1.jsonl").write_text("\n".join(QUESTIONS), encoding="utf-8")
    found = read_plan(folder)
    draw(found, rows_of(found, [[good_run()]] * len(found.combinations)))


SWEPT = ["agents,client.topology,runs,adapter_mean_ms", "2,shared,1,4.5", "2,per_agent,1,", "4,shared,3,1e3"]


@cache
def good_plan() -> Plan:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.json"
        file.write_text(json.dumps(plan()), encoding="utf-8")
        file.with_name("questions-1.jsonl").write_text("\n".join(QUESTIONS), encoding="utf-8")
        return read_plan(file.parent)


@reader(hostile.as_lines(SWEPT))
def sweep_reference(data: bytes, folder: Path) -> None:
    (folder / "sweep.csv").write_bytes(data)
    found = read_reference(folder / "sweep.csv", good_plan())
    assert len(found.mean_ms) == len(good_plan().combinations)
    assert any(mean is not None for mean in found.mean_ms)


GATES = [
    "adapter.p95 < 50 ms",
    "connections.opened <= agents",
    "failed.share == 5 %",
    "phase.blocked.mean >= 1.2 * baseline",
]


@reader(
    st.one_of(hostile.damaged(st.sampled_from(GATES)).map(lambda data: data.decode(errors="replace")), st.text()),
    ValueError,
)
def gate(text: str, _: Path) -> None:
    found = parse_gate(text)
    assert found == parse_gate(str(found))
    assert found.factor < float("inf")


FIGURES = (ROOT / "docs" / "why-the-pool-mattered.csv").read_text(encoding="utf-8").splitlines()[:4]


@reader(hostile.as_lines(FIGURES))
def ablation_figures(data: bytes, folder: Path) -> None:
    (folder / "figures.csv").write_bytes(data)
    read_figures(Figures, folder / "figures.csv", COMMAND)
