"""Fleets for people: the question for a group, the summary, the list, every disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from bootmend.views.style import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootmend.rescue.fleet import Group
    from bootmend.rescue.fleet_report import FleetReport
    from bootmend.rescue.workflow import Record
    from bootmend.views.style import Style

SHOWN = 10
_COLOURS = {"healthy": "green", "repaired": "green", "problems": "yellow", "waiting": "yellow", "unexplained": "yellow"}
_MEANINGS = {
    "problems": "findings left",
    "unexplained": "the code is not explained by anything on the disk",
    "inconclusive": "could not be judged",
    "unreadable": "could not be read",
    "refused": "refused for safety",
    "changed": "has changed since it was examined",
    "rolled-back": "writing failed, every byte is back",
    "half-written": "WRITING FAILED, AND SO DID THE WAY BACK",
    "waiting": "not done yet",
}


def group_text(group: Group) -> str:
    """What is asked about: one group of disks that get the same repair."""
    lines = [f"{plain(group.name)}: {_disks(len(group.disks))}"]
    lines += [plain(f"  fix: {fix}") for fix in group.fixes if fix]
    lines += [plain(f"  {path}") for path in group.disks[:SHOWN]]
    if len(group.disks) > SHOWN:
        lines.append(f"  and {len(group.disks) - SHOWN} more")
    return "\n".join(lines)


def group_question(group: Group) -> str:
    """The question itself."""
    return f"Repair {'these ' if len(group.disks) > 1 else 'this '}{_disks(len(group.disks))}?"


def fleet_text(report: FleetReport, style: Style, *, whole: bool = False) -> str:
    """The summary, grouped by what became of the disks; ``whole`` shows every disk."""
    lines = [f"{style(f'Fleet {report.id}', 'bold')}: {_disks(len(report.disks))}, {report.state}"]
    for state, count in report.counts.items():
        members = [disk for disk in report.disks if disk["state"] == state]
        text = style(f"{count:>6}  {state}", _COLOURS.get(state, "red"))
        lines.append(text + _rules_text(members) + (f"   {_MEANINGS[state]}" if state in _MEANINGS else ""))
        if whole or state not in {"healthy", "repaired"}:
            lines += _members(members, SHOWN if not whole else len(members))
    return "\n".join([*lines, *_next(report)]) + "\n"


def _rules_text(disks: Sequence[dict[str, Any]]) -> str:
    rules = dict.fromkeys(finding["rule"] for disk in disks for finding in disk.get("findings", ()))
    return f"  {', '.join(rules)}" if rules else ""


def _members(disks: Sequence[dict[str, Any]], most: int) -> Iterator[str]:
    for disk in disks[:most]:
        name = f"{disk['vm']} " if disk.get("vm") else ""
        run = f"   run {disk['run']}" if disk.get("run") else ""
        yield plain(f"          {name}{disk['path']}{run}{_why(disk)}")
    if len(disks) > most:
        yield f"          and {len(disks) - most} more"


def _why(disk: dict[str, Any]) -> str:
    if disk.get("reason"):
        return f": {disk['reason'].removeprefix(disk['path']).removeprefix(': ')}"
    doubts = disk.get("inconclusive") or []
    if disk["state"] == "inconclusive" and doubts:
        return f": {doubts[0]['reason']}"
    left = [f"{one['rule']} ({one['applicability']})" for one in disk.get("findings", ())]
    return f": {', '.join(left)}" if disk["state"] == "problems" and left else ""


def _next(report: FleetReport) -> Iterator[str]:
    short = report.id.split("/")[1]
    if any(disk["state"] == "repaired" for disk in report.disks):
        yield "The faults are gone on the disks; no Windows has been started yet."
        yield f"to take one back:  bootmend undo DISK      every disk:  bootmend fleet report {short}"
    if report.state == "unfinished":
        yield "It was interrupted: the same command goes on with it."


def fleets_text(records: Sequence[Record], style: Style) -> str:
    """The list of fleets, newest first."""
    if not records:
        return "No fleet has been run on this computer.\n"
    lines = []
    for record in reversed(records):
        disks = record.inputs["disks"]
        where = os.path.commonpath([os.path.dirname(disk["path"]) for disk in disks])
        holder = f"   {record.holder}" if record.holder else ""
        name, when = style(record.id, "bold"), record.started[:19] + "Z"
        lines.append(plain(f"{when}  {record.state!s:<10}  {len(disks):>6} in {where}{holder}  ") + name)
    return "\n".join(lines) + "\n"


def fleets_document(records: Sequence[Record]) -> dict[str, Any]:
    """The document ``bootmend.fleet-status/1``."""
    from bootmend import __version__

    fleets = [
        {
            "id": record.id,
            "state": str(record.state),
            "started": record.started,
            "updated": record.updated,
            "disks": len(record.inputs["disks"]),
            "holder": record.holder,
        }
        for record in records
    ]
    return {"schema": "bootmend.fleet-status/1", "version": __version__, "fleets": fleets}


def _disks(count: int) -> str:
    return f"{count} disk{'s' * (count != 1)}"
