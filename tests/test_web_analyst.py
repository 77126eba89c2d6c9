from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from fanout.cli.compare import main as compare
from fanout.errors import CouldNotRunError, FanoutError, NoDataError
from fanout.json_object import JsonObject
from fanout.outcome import Outcome
from fanout.runs.writer import RunWriter
from fanout.web import analyst
from fanout.web.analysis_process import _overview, _runs
from fanout.web.analysis_process._commands import answer_to
from fanout.web.analyst import Analyst
from fanout.web.run_list import MOST_RUNS
from helpers.runs import OUTCOMES, question, written
from helpers.scenarios import scenario_of

SLOW_LOOKUPS = [question(number, resolving=81.0, in_flight=1) for number in range(1, 41)]
QUICK = [question(number, in_flight=1) for number in range(1, 41)]
KEYS = {"agents": 32, "questions": 40, "client": {"topology": "per_agent", "tls_context": "per_client"}}
MADE: JsonObject = {"client": {"clients": 32, "made_in_ms": 1234.0}}
"""What run.json says about the clients of such a run, for which there is advice with a change."""
AGAINST = "adapter.p95 <= 1.1 * baseline"


def overview(*directories: Path) -> list[JsonObject]:
    rows: list[JsonObject] = answer_to({"do": "overview", "runs": list(map(str, directories))})["rows"]
    return rows


def advice(directory: Path, info: JsonObject | None = None) -> JsonObject:
    return answer_to({"do": "advise", "directory": str(directory), "info": info})


def comparison(*directories: Path) -> JsonObject:
    return answer_to({"do": "compare", "runs": list(map(str, directories))})


def in_progress(directory: Path, outcomes: Sequence[Outcome] = ()) -> JsonObject:
    """Writes a run that has these outcomes so far; returns its run.json as it is known by now."""
    writer = RunWriter(directory, scenario_of(**KEYS))
    for outcome in outcomes:
        writer.add(outcome)
    writer._rows.close()
    return writer.begun.to_json() | MADE


def with_info(run: Path, **keys: Any) -> Path:
    """The run with these keys in its run.json."""
    file = run / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | keys))
    return run


def test_a_row_has_the_figures_of_its_run(tmp_path: Path) -> None:
    run = written(tmp_path / "a", SLOW_LOOKUPS, name="published", **KEYS)
    started = time.localtime(json.loads((run / "run.json").read_text())["started"])
    assert overview(run) == [
        {
            "name": "published", "when": time.strftime("%Y-%m-%d %H:%M:%S", started), "agents": 32, "questions": 40,
            "failed": 0, "mean_ms": pytest.approx(88.0), "p95_ms": pytest.approx(88.0), "verdict": "passed",
            "cause": "resolving 92%", "problem": None, "users": None, "changes": {},
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("gates", "outcomes", "verdict"),
    [
        ([], QUICK, "passed"),
        ([], OUTCOMES, "failed"),
        (["adapter.max < 1 s"], QUICK, "passed"),
        (["adapter.max < 1 ms"], QUICK, "failed"),
        ([AGAINST], QUICK, "undecided"),
        ([AGAINST, "adapter.max < 1 ms"], QUICK, "failed"),
        ([AGAINST], OUTCOMES, "failed"),
    ],
)
def test_the_verdict_is_that_of_the_run_s_gates(tmp_path: Path, gates: list[str], outcomes: Any, verdict: str) -> None:
    run = written(tmp_path / "a", outcomes, gates=gates, **KEYS)
    assert [row["verdict"] for row in overview(run)] == [verdict]
    assert advice(run)["result"]["verdict"] == verdict


def test_a_run_that_cannot_be_read_has_a_row_with_its_problem(tmp_path: Path) -> None:
    in_progress(tmp_path / "unfinished", QUICK)
    in_progress(tmp_path / "refused")
    with_info(tmp_path / "refused", ended=1.0, ended_by="not_started", problems=["no agent is there: start it"])
    damaged = written(tmp_path / "damaged")
    (damaged / "questions.csv").write_bytes(b"\xff\x00")
    (tmp_path / "alien").mkdir()
    (tmp_path / "alien" / "run.json").write_text('{"schema": 1, "started": 1e12, "scenario": "\\u001b[2J"}')
    linked = written(tmp_path / "linked")
    (linked / "questions.csv").rename(tmp_path / "outside.csv")
    (linked / "questions.csv").symlink_to(tmp_path / "outside.csv")
    names = ["unfinished", "refused", "damaged", "alien", "linked", "absent"]
    rows = overview(*(tmp_path / name for name in names))
    assert [row["name"] for row in rows] == ["small", "small", "small", "\\x1b[2J", "small", "absent"]
    assert all(row["verdict"] is None and row["mean_ms"] is None for row in rows)
    assert rows[1]["problem"] == "no agent is there: start it"
    assert all(
        str(tmp_path / name) in row["problem"] for name, row in zip(names, rows, strict=True) if name != "refused"
    )


def test_a_row_is_made_again_only_when_its_run_has_changed(tmp_path: Path) -> None:
    in_progress(tmp_path / "a", QUICK)
    assert overview(tmp_path / "a")[0]["problem"]
    with_info(tmp_path / "a", ended=1.0, ended_by="rounds_done")
    before = overview(tmp_path / "a")
    assert before[0]["questions"] == len(QUICK)
    (tmp_path / "a" / "questions.csv").unlink()  # read no more
    assert overview(tmp_path / "a") == before
    (tmp_path / "a" / "run.json").unlink()
    assert overview(tmp_path / "a")[0]["problem"]


def test_only_so_many_rows_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_overview, "MOST_KEPT", 2)
    runs = [written(tmp_path / name) for name in "abc"]
    kept = _overview.Overview()
    for run in runs:
        kept.row(run)
    assert list(kept._kept) == runs[1:]


def test_an_internal_error_with_one_run_leaves_the_other_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def row_of(run: Any, **_: Any) -> Any:
        return real(run, advised=False) if run.directory.name == "good" else 1 / 0

    real = _runs.row_of
    monkeypatch.setattr(_overview, "row_of", row_of)
    bad, good = overview(written(tmp_path / "bad"), written(tmp_path / "good"))
    assert (good["problem"], bad["problem"]) == (None, "internal error: ZeroDivisionError: division by zero")
    assert "Traceback" in capsys.readouterr().err


def test_a_large_run_is_not_read_while_somebody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_runs, "LARGE_BYTES", 10)
    run = written(tmp_path / "a", QUICK, **KEYS)
    (row,) = overview(run)
    assert (row["name"], row["mean_ms"], row["verdict"], row["problem"]) == ("small", None, None, None)
    info = in_progress(tmp_path / "b")
    assert advice(tmp_path / "b", info) == {"questions": None, "items": None}


def test_advice_on_a_run_in_progress_is_about_its_whole_rows(tmp_path: Path) -> None:
    info = in_progress(tmp_path / "none")
    assert advice(tmp_path / "none", info) == {"questions": 0, "items": []}
    in_progress(tmp_path / "a", SLOW_LOOKUPS)
    table = tmp_path / "a" / "questions.csv"
    whole = table.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for cut in (1, len(last) // 2, len(last) - 1):
        table.write_bytes(whole + last[:-cut])
        found = advice(tmp_path / "a", info)
        assert found["questions"] == len(SLOW_LOOKUPS)
    table.write_bytes(whole + last.replace(b"ok", b'"o\nk'))  # within quotes
    assert advice(tmp_path / "a", info) == found
    (change,) = [change for item in found["items"] for change in item["changes"]]
    assert change["set"] == {"client.tls_context": "shared"}
    assert change["words"] == "client.tls_context: shared" and change["code"]


def test_what_is_wrong_with_a_run_in_progress_is_refused(tmp_path: Path) -> None:
    info = in_progress(tmp_path / "a")
    with pytest.raises(FanoutError):
        advice(tmp_path / "a", {**info, "questions": 7})
    with pytest.raises(NoDataError):
        advice(tmp_path / "absent", info)
    (tmp_path / "a" / "questions.csv").write_text("no,header\n")
    with pytest.raises(NoDataError):
        advice(tmp_path / "a", info)


def test_the_result_of_a_run_has_what_locust_prints_at_its_end(tmp_path: Path) -> None:
    run = written(tmp_path / "a", [*SLOW_LOOKUPS, replace(OUTCOMES[1], question_id="99")], gates=[AGAINST], **KEYS)
    found = advice(run)
    assert found["questions"] == 41
    assert (found["result"]["verdict"], found["result"]["cause"]) == ("failed", "resolving 92%")
    lines = found["result"]["lines"]
    assert sum("failed" in line for line in lines) >= 2  # the gate, and why
    assert sum(AGAINST in line for line in lines) == 2  # the result, and what to do
    assert all(line == line.strip() and "\n" not in line for line in lines)
    assert found["items"]


def texts_of(found: JsonObject) -> list[list[str]]:
    return [[cell["text"] for cell in row] for table in found["tables"] for row in table["rows"]]


def test_a_comparison_is_that_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        with_info(written(tmp_path / "a", SLOW_LOOKUPS, gates=["adapter.max < 1 ms"], **KEYS), **MADE),
        written(tmp_path / "b", QUICK, gates=["adapter.mean < 2 * baseline"], **KEYS),
        written(tmp_path / "c", OUTCOMES, name="other"),
    ]
    found = comparison(*runs)
    done = CliRunner().invoke(compare, [*map(str, runs), "--format", "json"])
    as_json = json.loads(done.output)
    assert done.exit_code == 1 and found["passed"] is False
    assert found["labels"] == [row["scenario"] for row in as_json["rows"]]
    assert found["notes"] == as_json["notes"]
    assert [said["text"] for said in found["advice"]] == [said["text"] for said in as_json["advice"]]
    text = CliRunner().invoke(compare, [*map(str, runs)]).output
    printed = [line.split() for line in text.splitlines()]
    assert all(" ".join(row).split() in printed for row in texts_of(found))
    assert found["runs"] == [0, 1, 2]
    assert [(said["run"], change["set"]) for said in found["advice"] for change in said["changes"]] == [
        (0, {"client.tls_context": "shared"})
    ]
    json.dumps(found, allow_nan=False)


def test_the_keys_that_differ_are_named_with_all_values(tmp_path: Path) -> None:
    questions = tmp_path / "mine.jsonl"
    questions.write_text('{"id": "1", "text": "?"}\n')
    limits = [{"max_keepalive_connections": 20}, {"max_keepalive_connections": "unlimited"}, {}]
    arrivals = [None, {"rate": 10, "pattern": "poisson"}, None]
    runs = [
        written(tmp_path / f"r{n}", name=f"n{n}", client={"limits": limits[n]}, arrivals=arrivals[n],
                questions=str(questions))
        for n in range(3)
    ]  # fmt: skip
    assert {each["key"]: each["values"] for each in comparison(*runs)["differing"]} == {
        "client.limits.max_keepalive_connections": ["20", "unlimited", "20"],
        "arrivals.rate": ["–", "10.0", "–"],
        "arrivals.pattern": ["–", "poisson", "–"],
    }


def test_a_run_that_is_named_twice_is_compared_once(tmp_path: Path) -> None:
    a, b = written(tmp_path / "a"), written(tmp_path / "b")
    found = comparison(a, tmp_path / "b" / ".." / "a", b, a)
    assert found["runs"] == [0, 2]
    assert len(found["labels"]) == 2


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    a, b = written(tmp_path / "series" / "a"), written(tmp_path / "series" / "b")
    (b / "questions.csv").unlink()
    for runs in ([a], [a, a], [], [a, b], [a, tmp_path / "absent"], [a, tmp_path / "series"], [a] * (MOST_RUNS + 1)):
        with pytest.raises(FanoutError):
            comparison(*runs)
    with pytest.raises(FanoutError):
        answer_to({"do": "report", "runs": []})
    for command in ({}, {"do": "overview"}, {"do": "overview", "runs": "a"}, {"do": "advise", "directory": 7}):
        with pytest.raises(FanoutError):
            answer_to(command)


HOSTILE = "\x1b[2J\u202e<script>alert(1)</script>\nnext"


def test_outside_data_is_one_safe_line(tmp_path: Path) -> None:
    failed = [replace(OUTCOMES[1], error=HOSTILE), OUTCOMES[0]]
    runs = [written(tmp_path / name, failed) for name in "ab"]
    for run in runs:
        with_info(run, problems=[HOSTILE], versions={HOSTILE: run.name})
    for answer in (overview(*runs), advice(runs[0]), comparison(*runs)):
        text = json.dumps(answer, ensure_ascii=False)
        assert "\\\\x1b[2J" in text or isinstance(answer, list)
        assert not {"\x1b", "\u202e"} & set(text) and "\\n" not in text and "\\u" not in text.replace("\\\\u", "")


@pytest.fixture(scope="module")
def asked() -> Iterator[Analyst]:
    found = Analyst()
    found.overview([])
    yield found
    found.close()


def process_of(found: Analyst) -> psutil.Process:
    assert found._child is not None
    return psutil.Process(found._child.pid)


@pytest.mark.process
def test_the_process_answers_and_refuses(asked: Analyst, tmp_path: Path) -> None:
    runs = [written(tmp_path / "a", SLOW_LOOKUPS, **KEYS), written(tmp_path / "b", QUICK, **KEYS)]
    assert [row["mean_ms"] for row in asked.overview(runs)["rows"]] == [pytest.approx(88.0), pytest.approx(8.0)]
    process = process_of(asked)
    assert asked.advise(runs[0])["result"]["verdict"] == "passed"
    assert asked.advise(tmp_path / "c", in_progress(tmp_path / "c"))["questions"] == 0
    assert asked.compare(runs)["runs"] == [0, 1]
    with pytest.raises(NoDataError, match="absent"):
        asked.compare([runs[0], tmp_path / "absent"])
    with pytest.raises(NoDataError):
        asked.ask({"do": "nothing"}, 10)
    html = CliRunner().invoke(compare, [*map(str, runs), "--format", "html"]).output
    assert asked.report(runs) == html
    assert process_of(asked) == process and process.is_running()


@pytest.mark.process
def test_threads_get_their_own_answers(asked: Analyst, tmp_path: Path) -> None:
    runs = {name: written(tmp_path / name, name=name) for name in ("a", "b")}
    wrong: list[object] = []

    def ask(name: str) -> None:
        for _ in range(20):
            (row,) = asked.overview([runs[name]])["rows"]
            if row["name"] != name:
                wrong.append(row)

    threads = [threading.Thread(target=ask, args=(name,)) for name in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not wrong and not any(thread.is_alive() for thread in threads)


CONDITIONS = """
import os, signal, sys
from fanout.web.analysis_process import __main__ as process

def serve(lines, output):
    print("printed")
    early = [name for name in ("polars", "numpy") if name in sys.modules]
    import polars
    found = [os.nice(0), signal.getsignal(signal.SIGINT) == signal.SIG_IGN, polars.thread_pool_size(), early]
    output.write(repr(found).encode())
    output.flush()

process.serve = serve
process.main()
"""


@pytest.mark.process
def test_the_process_leaves_the_machine_to_the_runs() -> None:
    done = subprocess.run([sys.executable, "-c", CONDITIONS], capture_output=True, text=True, timeout=30, check=True)
    nice, *others = eval(done.stdout)  # noqa: S307
    assert nice - os.nice(0) in (10, 19 - os.nice(0))
    assert others == [True, 1, []]
    assert done.stderr == "printed\n"


@pytest.mark.process
def test_the_process_goes_on_after_what_is_no_command(tmp_path: Path) -> None:
    lines = [
        b"",
        b"\xff",
        b"[]",
        b"7",
        b'{"id": 5}',
        b'{"id": 6, "do": "overview", "runs": [""]}',
        b'{"id": 7, "do": "overv',
    ]
    done = subprocess.run(
        [sys.executable, "-m", analyst.MODULE], input=b"\n".join(lines), capture_output=True, timeout=30, check=True,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(analyst.__file__).parents[2])},
    )  # fmt: skip
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["is"] for each in said] == ["ready", *["refused"] * 5, "answer", "refused"]
    assert [each["id"] for each in said[1:]] == [None, None, None, None, 5, 6, None]
    assert done.stderr == b""


FAKE = """
import json, os, signal, sys, time
print('{"is": "ready"}', flush=True)
for line in sys.stdin:
    command = json.loads(line)
    answer = {"is": "answer", "id": command["id"], "pid": os.getpid()}
    match command["do"]:
        case "sleep": time.sleep(60)
        case "die": os.kill(os.getpid(), signal.SIGKILL)
        case "stutter": print('{"is": "answer", "id": 0}')
        case "blunder": answer |= {"is": "failed", "why": "internal error: x"}
        case "babble": print("no JSON")
        case "report": answer["html"] = "é" * command["characters"]
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Analyst]:
    """An analyst whose process does as it is told."""
    (tmp_path / "fake_analysis.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(analyst, "MODULE", "fake_analysis")
    found = Analyst()
    yield found
    found.close()


@pytest.mark.process
def test_a_process_that_was_killed_is_replaced(fake: Analyst) -> None:
    fake.ask({"do": "answer"}, 10)
    first = process_of(fake)
    first.kill()
    first.wait(5)
    assert fake.ask({"do": "answer"}, 10)["pid"] != first.pid


@pytest.mark.process
def test_a_process_that_takes_too_long_is_ended(fake: Analyst) -> None:
    first = fake.ask({"do": "answer"}, 10)["pid"]
    began = time.monotonic()
    with pytest.raises(CouldNotRunError, match=r"longer than 0\.2 s"):
        fake.ask({"do": "sleep"}, 0.2)
    assert time.monotonic() - began < 5
    assert not psutil.pid_exists(first)
    assert fake.ask({"do": "answer"}, 10)["pid"] != first


@pytest.mark.process
@pytest.mark.parametrize(("what", "error"), [("die", "SIGKILL"), ("babble", "ended")])
def test_a_process_that_dies_at_work_is_replaced(
    fake: Analyst, what: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # the reader of what is no JSON
    with pytest.raises(CouldNotRunError, match=error) as caught:
        fake.ask({"do": what}, 10)
    assert "\n" not in str(caught.value)
    assert fake.ask({"do": "answer"}, 10)["is"] == "answer"


@pytest.mark.process
def test_an_internal_error_and_a_late_answer_cost_no_process(fake: Analyst) -> None:
    first = fake.ask({"do": "stutter"}, 10)["pid"]
    with pytest.raises(CouldNotRunError, match="internal error: x"):
        fake.ask({"do": "blunder"}, 10)
    assert fake.ask({"do": "answer"}, 10)["pid"] == first


@pytest.mark.process
def test_an_answer_may_have_tens_of_megabytes(fake: Analyst) -> None:
    assert len(fake.ask({"do": "report", "characters": 5_000_000}, 30)["html"]) == 5_000_000


@pytest.mark.process
def test_a_command_that_waits_too_long_for_others_is_refused(fake: Analyst) -> None:
    fake.ask({"do": "answer"}, 10)
    said: list[str] = []

    def ask() -> None:
        try:
            fake.ask({"do": "sleep"}, 30)
        except CouldNotRunError as error:
            said.append(str(error))

    busy = threading.Thread(target=ask)
    busy.start()
    while not fake._lock.locked():
        time.sleep(0.01)
    with pytest.raises(CouldNotRunError, match="busy"):
        fake.ask({"do": "answer"}, 0.1)
    began = time.monotonic()
    fake.close()
    busy.join(5)
    assert time.monotonic() - began < 5 and len(said) == 1
    with pytest.raises(CouldNotRunError, match="closed"):
        fake.ask({"do": "answer"}, 10)


PARENT = """
import os, signal
from fanout.web.analyst import Analyst
asked = Analyst()
asked.overview([])
print(asked._child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.process
def test_the_process_ends_with_its_parent() -> None:
    done = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(psutil.NoSuchProcess):
        psutil.Process(int(done.stdout)).wait(5)
        psutil.Process(int(done.stdout))


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent
from fanout.web import analyst
analyst.MODULE = "fake_analysis"
asked = analyst.Analyst()
found = [gevent.spawn(asked.ask, {"do": "report", "characters": count}, 30) for count in (3_000_000, 5)]
gevent.joinall(found, raise_error=True)
print([len(each.value["html"]) for each in found])
asked.close()
"""


@pytest.mark.process
def test_greenlets_may_ask(fake: Analyst) -> None:
    done = subprocess.run([sys.executable, "-c", GREENLETS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[3000000, 5]\n", "")
