"""Renders the gates of a report for CI systems, as JUnit XML: a row is a test suite, a gate is a test case.

A gate that failed is a failure. A gate that could not be decided, for lack of data or too much noise, is an error. The
elements and attributes are those that https://github.com/testmoapp/junitxml calls common.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from fanout.analysis.gate_results import Judgement
from fanout.report._report import Report
from fanout.text import printable


def render(report: Report) -> str:
    root = ElementTree.Element("testsuites", {"name": "fanout", **_counts(report.gates)})
    for row, found in groupby(report.gates, key=lambda judgement: judgement.row):
        judgements = list(found)
        suite = ElementTree.SubElement(root, "testsuite", {"name": printable(row), **_counts(judgements)})
        for judgement in judgements:
            _add_case(suite, judgement)
        if said := [line for each in report.advice if row in (each.row, *each.also) for line in each.lines]:
            ElementTree.SubElement(suite, "system-out").text = "\n".join(map(printable, said))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_case(suite: ElementTree.Element, judgement: Judgement) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=printable(judgement.row), name=printable(str(judgement.gate))
    )
    if judgement.passed:
        ElementTree.SubElement(case, "system-out").text = printable(str(judgement))
    else:
        kind = "failure" if judgement.result == "failed" else "error"
        words = ElementTree.SubElement(case, kind, type=judgement.result, message=printable(_message(judgement)))
        words.text = printable(str(judgement))


def _message(judgement: Judgement) -> str:
    return f"{judgement.gate}: {judgement.value}; {judgement.bound}"


def _counts(judgements: Sequence[Judgement]) -> dict[str, str]:
    failures = sum(judgement.result == "failed" for judgement in judgements)
    errors = sum(judgement.result in ("no data", "not shown") for judgement in judgements)
    return {"tests": str(len(judgements)), "failures": str(failures), "errors": str(errors)}
