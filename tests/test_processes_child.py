from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fanout.errors import CouldNotRunError
from fanout.processes.child import Child

pytestmark = pytest.mark.process

ECHO = "import sys\nprint('{\"is\": \"ready\"}', flush=True)\nfor line in sys.stdin: print(line, end='', flush=True)\n"

LINGERING = """
import subprocess, sys
subprocess.Popen(["sleep", "1"])  # it still holds the pipe open when its parent has ended
print('{"is": "ready"}', flush=True)
sys.stdin.read()
print('{"is": "last"}', flush=True)
"""
WITH_GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent
from fanout.processes.child import Child
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for modules that a child can run."""
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
    with pytest.raises(CouldNotRunError, match=r"was not ready within 0.2 s; reduce"):
        child.expect("ready", timeout_s=0.2)
    assert child.close() == -signal.SIGKILL
    assert not child.alive


def greenlets_do(script: str) -> subprocess.CompletedProcess[str]:
    """Runs it in a process that gevent has patched, as Locust's is."""
    command = [sys.executable, "-c", WITH_GREENLETS + script]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_greenlets_may_close_a_child_that_another_one_listens_to(module: Path) -> None:
    (module / "lingering.py").write_text(LINGERING)
    done = greenlets_do("""
child = Child("the lingering one", "lingering", [])
child.expect("ready")
listener = gevent.spawn(lambda: list(iter(child.listen, None)))
gevent.sleep(0)  # it listens
closers = [gevent.spawn(child.close) for _ in range(3)]
gevent.joinall([listener, *closers], raise_error=True)
print(listener.value, {closer.value for closer in closers})
""")
    assert (done.stdout, done.stderr) == ("[{'is': 'last'}] {0}\n", "")


def test_greenlets_may_send_at_the_same_time_more_than_a_pipe_holds(module: Path) -> None:
    (module / "echo.py").write_text(ECHO)
    done = greenlets_do("""
child = Child("the echo", "echo", [])
child.expect("ready")
texts = ["a" * 300_000, "b" * 300_000]
senders = [gevent.spawn(child.tell, {"text": text}) for text in texts]
gevent.joinall(senders, raise_error=True)
print(sorted(child.listen()["text"] for _ in texts) == texts, child.close())
""")
    assert (done.stdout, done.stderr) == ("True 0\n", "")


def test_a_greenlet_that_is_killed_while_it_closes_leaves_the_rest_to_others(module: Path) -> None:
    (module / "echo.py").write_text(ECHO)
    done = greenlets_do("""
child = Child("the echo", "echo", [])
child.expect("ready")
impatient = gevent.spawn(child.close)
gevent.sleep(0)
impatient.kill()
print(child.close(), child.listen())
""")
    assert (done.stdout, done.stderr) == ("0 None\n", "")


def test_threads_may_close_a_child_that_another_one_listens_to(module: Path) -> None:
    (module / "lingering.py").write_text(LINGERING)
    child = Child("the lingering one", "lingering", [])
    child.expect("ready")
    said: list[object] = []
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: said.extend(iter(child.listen, None)))]
    threads += [threading.Thread(target=lambda: statuses.append(child.close())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (said, statuses) == ([{"is": "last"}], [0, 0])


def test_closing_again_is_the_same(module: Path) -> None:
    (module / "short.py").write_text("raise SystemExit(3)")
    child = Child("the short one", "short", [])
    assert [child.close(), child.close()] == [3, 3]
    assert child.listen() is None
