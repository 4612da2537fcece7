"""A bundle: the documents that go into it, and its manifest for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootmend import __version__
from bootmend.views.style import Style, plain, size_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootmend.engine.diagnose import Report

PLAIN = Style(colour=False)
HOW = {"whole": "whole", "text": "text", "end": "the end", "part": "a part", "made": "made"}


def documents_of(report: Report, *, name: str, pictures: Mapping[str, bytes]) -> dict[str, str]:
    """The report for people and for programs, and the evidence, by their names in the bundle."""
    from bootmend.views import dump, render_report

    evidence = report.evidence.to_json() if report.evidence else {}
    return {
        "report.html": render_report(report, "html", PLAIN, name=name, pictures=pictures),
        "report.json": render_report(report, "json", PLAIN, name=name),
        "report.md": render_report(report, "md", PLAIN, name=name),
        "evidence.json": dump({"schema": "bootmend.evidence/1", "version": __version__, **evidence}, "json"),
    }


def bundle_text(manifest: Mapping[str, Any]) -> str:
    """What is in it and what is not, line by line."""
    lines = ["taken:"]
    for one in manifest["files"]:
        source = f"   {HOW[one['taken']]} of {size_text(one['of'])}" if one["of"] else ""
        lines.append(plain(f"  {one['name']}  {size_text(one['size'])}{source}"))
    lines.append("left out:")
    lines += [plain(f"  {one['where']}: {one['reason']}") for one in manifest["left_out"]]
    lines.append("Look at it before you send it: it names computers, services and files.")
    return "\n".join(lines)
