"""Checks that descriptors, threads, memory and processes of ours don't grow during a run or from run to run."""

from fanout.soak._report import LONGER, soak_report
from fanout.soak._samples import Sample
from fanout.soak._soak import USERS, Soak, SoakSettings
from fanout.soak._verdict import Finding, judged, unjudged
from fanout.soak._web_locust import WebLocust

__all__ = [
    "LONGER",
    "USERS",
    "Finding",
    "Sample",
    "Soak",
    "SoakSettings",
    "WebLocust",
    "judged",
    "soak_report",
    "unjudged",
]
