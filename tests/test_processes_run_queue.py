from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanout.processes.run_queue import OWN, waited_s


@pytest.fixture
def one_cpu() -> Iterator[None]:
    """Runs this thread, and what it starts, on one CPU."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def _use_the_cpu() -> None:
    sum(range(10_000_000))


@pytest.mark.skipif(not OWN.exists(), reason="this system has no schedstat")
@pytest.mark.usefixtures("one_cpu")
def test_a_thread_that_shares_a_cpu_waits_for_it() -> None:
    other = multiprocessing.get_context("spawn").Process(target=_use_the_cpu)
    before = waited_s()
    other.start()
    while other.is_alive():
        sum(range(10_000))
    after = waited_s()
    assert before is not None and after is not None and after > before


@pytest.mark.parametrize("text", [None, "", "1 2", "1 many 3", "\xff"])
def test_what_the_system_does_not_tell_is_unknown(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "schedstat"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))
    assert waited_s(file) is None


def test_it_is_the_second_number_in_nanoseconds(tmp_path: Path) -> None:
    (tmp_path / "schedstat").write_text("1424209232 633008843 216\n")
    assert waited_s(tmp_path / "schedstat") == 0.633008843
