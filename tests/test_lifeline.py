from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from fanout.errors import CouldNotRunError
from fanout.lifeline import LocustChild


def test_a_locust_that_the_machine_cannot_start_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    before = psutil.Process().num_fds()
    with pytest.raises(CouldNotRunError, match=r"Locust can't be started: No such file or directory; allow this user"):
        LocustChild([], tmp_path / "log", {})
    assert psutil.Process().num_fds() == before


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("", "nothing was said"),
        ("one\ntwo\n---\n", "two"),
        ("one\n[x] h/ERROR/fanout: first\n/ERROR/second\nlast", "[x] h/ERROR/fanout: first"),
        ("one\nworkers.fleet: no port\nlast", "workers.fleet: no port"),
    ],
)
def test_its_last_words_are_those_that_say_why_it_ended(log: str, cause: str, tmp_path: Path) -> None:
    with LocustChild(["--version"], tmp_path / "log", {}) as child:
        pass
    assert child.ended
    (tmp_path / "log").write_text(log)
    assert child.last_words == f"see {tmp_path / 'log'}, which says: {cause}"
