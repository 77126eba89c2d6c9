"""The environment of a run: versions, machine and revision."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from fanout import __version__
from fanout.paths import INSTALLED, ROOT
from fanout.runs.schema import Git, Scalar

PACKAGES = (
    "locust",
    "httpx",
    "httpcore",
    "httpx2",
    "httpcore2",
    "httpxyz",
    "httpcorexyz",
    "httpx-aiohttp",
    "aiohttp",
    "anyio",
    "h11",
    "sniffio",
    "gevent",
    "greenlet",
    "flask",
    "werkzeug",
    "gunicorn",
    "hypercorn",
    "uvicorn",
    "pydantic",
)


def versions() -> dict[str, str | None]:
    """The versions of fanout, Python and every package on the measured path; None for one that isn't installed."""
    return {"fanout": __version__, "python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


@cache
def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, Scalar]:
    """The properties of the machine that matter for latency. There is no host name among them."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }


@cache
def _cpu_model() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def git() -> Git | None:
    """The revision of fanout, and whether the working tree differed from it; None outside a checkout."""
    revision = _git("rev-parse", "HEAD")
    return None if revision is None else Git(revision, dirty=bool(_git("status", "--porcelain")))


def _git(*args: str) -> str | None:
    if INSTALLED:  # a repository around the installation is another project's
        return None
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *args], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
