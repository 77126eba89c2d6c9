"""Whatever a file, a body or a line holds: a result, or an error of ours that says where.

FANOUT_FUZZ_CASES says how many cases each reader gets; scripts/fuzz runs many, and prints what came of each reader.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import fuzz_messages  # noqa: F401 (its readers add themselves)
import fuzz_runs  # noqa: F401
import fuzz_scenarios  # noqa: F401
from fuzz_reader import READERS, Reader, check_message

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("FANOUT_FUZZ_CASES", "100"))
DEEP = "FANOUT_FUZZ_CASES" in os.environ
MOST_CPU_S = 20
"""For one case; of CPU time, since the machine may have other work."""


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_hostile_data_is_reported_in_words(reader: Reader, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = refused = 0

    @settings(
        max_examples=max(5, round(CASES * reader.share)),
        deadline=None,
        database=None,
        derandomize=not DEEP,
        # Not made smaller, nor explained: that takes minutes where a case is slow.
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(reader.inputs)
    def feed(data: object) -> None:
        nonlocal cases, refused
        cases += 1
        folder = tmp_path / "folder"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        began = time.process_time()
        try:
            reader.read(data, folder)
        except reader.errors as error:
            refused += 1
            check_message(error, reader, folder)
        assert time.process_time() - began < MOST_CPU_S

    found = "nothing broken"
    try:
        feed()
    except BaseException as error:
        found = f"broken: {type(error).__name__}: {error}".partition("\n")[0]
        raise
    finally:
        if DEEP:
            with capsys.disabled():
                sys.stdout.write(f"{reader.name:22} {cases:7} cases, {refused:7} refused, {found}\n")
                sys.stdout.flush()
