"""Reports, runs and the catalogue as JSON documents: the published contract of ``schemas/``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootmend import __version__
from bootmend.engine.ranking import confidence, roles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootmend.engine.diagnose import Report
    from bootmend.engine.plan import Plan
    from bootmend.engine.repair import Outcome, RunEntry
    from bootmend.engine.screen_and_disk import Screen
    from bootmend.model import Finding, Rule


def report(report: Report) -> dict[str, Any]:
    """``bootmend.report/1``."""
    return {
        "schema": "bootmend.report/1",
        "version": __version__,
        "target": {"path": report.path, "size": report.machine.size, "format": report.machine.format},
        "vm": report.vm,
        "codes": list(report.codes),
        "machine": report.machine.to_json(),
        "findings": [_finding(one) | _standing(one, report) for one in report.findings],
        "offers": [_finding(one) for one in report.offers],
        "inconclusive": [one.to_json() for one in report.inconclusive],
        "unexplained": list(report.unexplained),
        "remarks": list(report.remarks),
        "rules": list(report.rules),
        "verdict": report.verdict,
        "screen": None if report.screen is None else report.screen.to_json(),
        "seconds": round(report.seconds, 3),
        "bytes_read": report.bytes_read,
        "timings": [{"rule": rule, "seconds": round(seconds, 6)} for rule, seconds in report.timings],
    } | _evidence(report)


def _evidence(report: Report) -> dict[str, Any]:
    """``evidence``, where it was asked for."""
    return {} if report.evidence is None else {"evidence": report.evidence.to_json()}


def _standing(finding: Finding, report: Report) -> dict[str, str]:
    """What a finding is among those of its report, and how sure it is that it is why the machine does not start."""
    return {"role": roles(report)[finding.key], "confidence": confidence(finding, report)}


def _finding(finding: Finding) -> dict[str, Any]:
    return finding.to_json() | {"operations": [finding.fix] if finding.fix else []}


def plan(plan: Plan) -> dict[str, Any]:
    """``bootmend.plan/1``; what the screen shows is no part of a plan that is kept, and is added here."""
    from bootmend.engine.plan_file import plan_json

    return plan_json(plan) | _screen(plan.report.screen)


def run(outcome: Outcome, screen: Screen | None = None) -> dict[str, Any]:
    """``bootmend.outcome/1``: a repair or an undo."""
    return {
        "schema": "bootmend.outcome/1",
        "version": __version__,
        "id": outcome.run_id,
        "kind": outcome.kind,
        "target": outcome.target,
        "state": outcome.state,
        "undoes": outcome.undoes,
        "bytes_written": outcome.bytes_written,
        "cured": [one.to_json() for one in outcome.cured],
        "left": [one.to_json() for one in outcome.left],
        "changes": [one.to_json() for one in outcome.changes],
        "verified": "on the disk; Windows has not been started",
        "notes": [*outcome.plan_notes, *outcome.notes],
    } | _screen(screen)


def _screen(screen: Screen | None) -> dict[str, Any]:
    """``screen``, where one was given."""
    return {} if screen is None else {"screen": screen.to_json()}


def history(entries: Sequence[RunEntry]) -> dict[str, Any]:
    """``bootmend.history/1``."""
    return {"schema": "bootmend.history/1", "version": __version__, "runs": [entry.to_json() for entry in entries]}


def catalog(rules: Sequence[Rule]) -> dict[str, Any]:
    """``bootmend.catalog/1``."""
    return {"schema": "bootmend.catalog/1", "version": __version__, "rules": [rule.to_json() for rule in rules]}
