"""Writes files like Locust's own _stats.csv."""

from __future__ import annotations

from pathlib import Path

HEADER = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    "Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%\n"
)
A2A = "a2a,a2a-tuned,100,3,3.2,14.5,1.8,66.0,268,29,0,3,4,5,6,7,44,45,46,60,61,66\n"
GET = "GET,/x,7,0,1.0,2.0,1.0,3.0,10,1,0,1,1,1,1,1,2,2,2,3,3,3\n"
TOTAL = ",Aggregated,107,3,3.0,14.0,1.0,66.0,250,30,0,3,4,5,6,7,40,45,46,60,61,66\n"


def stats(path: Path, *rows: str) -> Path:
    path.write_text("".join(rows), encoding="utf-8")
    return path
