"""Findings as JUnit's XML, which build servers read."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from attrimark.document.document import Document

from .renderer import Renderer


class Junit(Renderer):
    """One test case for each of the findings."""

    name = "junit"

    def render(self, document: Document) -> str:
        findings = document.findings()
        outcomes = [each.outcome for each in findings]
        suite = ElementTree.Element(
            "testsuite",
            name=_xml(document.name),
            tests=str(len(findings)),
            failures=str(outcomes.count("failure")),
            errors=str(outcomes.count("error")),
            skipped=str(outcomes.count("skipped")),
        )
        for each in findings:
            case = ElementTree.SubElement(suite, "testcase", classname=_xml(each.group), name=_xml(each.name))
            if each.outcome != "passed":
                entry = ElementTree.SubElement(case, each.outcome, message=_xml(each.message))
                entry.text = _xml("\n".join(each.details)) or None
        ElementTree.indent(suite)
        return "<?xml version='1.0' encoding='utf-8'?>\n" + ElementTree.tostring(suite, encoding="unicode")


def _xml(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", text)
