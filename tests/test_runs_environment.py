from __future__ import annotations

import platform

from fanout.runs import environment


def test_it_names_what_matters_and_nothing_private() -> None:
    versions = environment.versions()
    assert set(environment.PACKAGES) < set(versions)
    assert all(versions.values())
    assert set(environment.machine()) == {"system", "architecture", "cpu", "cpus", "memory_gib"}
    assert platform.node() not in environment.machine().values()


def test_a_package_that_is_not_there_is_none() -> None:
    assert environment._version("no-such-package-anywhere") is None
