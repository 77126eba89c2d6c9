from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from fanout.errors import CouldNotRunError
from fanout.processes.locust_process import LocustChild


@pytest.mark.parametrize(
    ("reason", "raised", "said"),
    [
        (OSError(errno.EAGAIN, "not now"), CouldNotRunError, r"^Locust can't be started: not now; .*\(ulimit -u\)"),
        (OSError(errno.EMFILE, "no more"), CouldNotRunError, r"^Locust can't be started: no more; .*\(ulimit -n\)"),
        (OSError(errno.ENOENT, "nowhere"), CouldNotRunError, r"^Locust can't be started: nowhere$"),
        (KeyboardInterrupt(), KeyboardInterrupt, r"^$"),
    ],
)
def test_a_locust_that_cannot_be_started_is_reported_and_leaves_nothing_open(
    reason: BaseException, raised: type[BaseException], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise reason

    monkeypatch.setattr(subprocess, "Popen", refuse)
    before = psutil.Process().num_fds()
    with pytest.raises(raised, match=said):
        LocustChild([], tmp_path / "log", {})
    assert psutil.Process().num_fds() == before


@pytest.mark.process
def test_its_end_leaves_nothing_open_and_its_last_words_are_those_that_say_why(tmp_path: Path) -> None:
    before, log = psutil.Process().num_fds(), tmp_path / "log"
    with LocustChild(["--headless", "--locustfile", os.devnull], log, {}) as child:
        pass
    assert psutil.Process().num_fds() == before
    for said, cause in {
        "": "(the log is empty)",
        "one\ntwo\n---\n": "two",
        "one\n[x] h/ERROR/fanout: first\n/ERROR/second\nlast": "[x] h/ERROR/fanout: first",
        "one\nworkers.fleet: no port\nlast": "workers.fleet: no port",
    }.items():
        log.write_text(said)
        assert child.last_words == f"see {log}, which says: {cause}"
