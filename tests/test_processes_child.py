from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from fanout.errors import CouldNotRunError
from fanout.processes.child import Child

ECHO = "import sys\nprint('{\"is\": \"ready\"}', flush=True)\nfor line in sys.stdin: print(line, end='', flush=True)\n"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for modules that a child can run."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_lines_go_both_ways_and_the_end_of_input_ends_it(module: Path) -> None:
    (module / "echo.py").write_text(ECHO)
    child = Child("the echo", "echo", [])
    assert child.expect("ready") == {"is": "ready"}
    child.tell({"is": "heard"})
    assert child.listen() == {"is": "heard"}
    assert child.close() == 0


def test_a_child_that_ends_too_early_says_so(module: Path) -> None:
    (module / "short.py").write_text("raise SystemExit(3)")
    child = Child("the short one", "short", [])
    with pytest.raises(CouldNotRunError, match="the short one ended before it was ready"):
        child.expect("ready")
    assert child.close() == 3
    with pytest.raises(CouldNotRunError, match="the short one is gone"):
        child.tell({})


def test_a_child_that_does_not_listen_is_killed(module: Path) -> None:
    (module / "deaf.py").write_text('print(\'{"is": "ready"}\', flush=True)\nimport time\ntime.sleep(60)\n')
    child = Child("the deaf one", "deaf", [])
    child.expect("ready")
    began = time.monotonic()
    assert child.close(timeout_s=0.1) == -signal.SIGKILL
    assert time.monotonic() - began < 10
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_half_a_line_is_no_line(module: Path) -> None:
    (module / "half.py").write_text("print('{\"is\": \"rea', end='', flush=True)")
    child = Child("the half", "half", [])
    assert child.listen() is None
    child.close()


def test_ctrl_c_does_not_reach_it(module: Path) -> None:
    (module / "echo.py").write_text(ECHO)
    child = Child("the echo", "echo", [])
    child.expect("ready")
    assert os.getpgid(child.pid) != os.getpgid(0)
    child.close()


def test_a_child_that_says_nothing_in_time_is_killed(module: Path) -> None:
    (module / "deaf.py").write_text("import time\ntime.sleep(60)\n")
    child = Child("the deaf one", "deaf", [])
    assert child.alive
    with pytest.raises(CouldNotRunError, match=r"was not ready within 0.2 s; give"):
        child.expect("ready", timeout_s=0.2)
    assert child.close() == -signal.SIGKILL
    assert not child.alive
