"""Reports and plans for people at a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from bootmend.catalog import find_rule
from bootmend.engine.ranking import PRIMARY, confidence, roles
from bootmend.model import Applicability, Severity
from bootmend.views.commands import explain_command, repair_command, request_options
from bootmend.views.style import Style, plain, quoted, size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.engine.diagnose import MachineSummary, Report, VolumeSummary
    from bootmend.engine.plan import Plan
    from bootmend.model import Change, Evidence, Finding

MARKS = {Severity.ERROR: ("✗", "red"), Severity.WARNING: ("!", "yellow"), Severity.NOTE: ("·", "cyan")}
WIDTH = 110
WIDEST_PLACE = 40
FORMATS = {
    "VHD dynamic": "dynamic VHD",
    "VHD fixed": "fixed VHD",
    "VHD differencing": "differencing VHD",
    "VHDX dynamic": "dynamic VHDX",
    "VHDX fixed": "fixed VHDX",
    "VHDX differencing": "differencing VHDX",
    "raw": "raw disk",
}


def report_text(report: Report, style: Style, *, name: str, steps: bool = True) -> str:
    """What ``bootmend check`` prints; ``steps`` adds what to do next."""
    lines = [*machine_lines(report.machine, style, name=name), "", *_screen_lines(report, style)]
    standing = roles(report) if len(report.findings) > 1 else {}
    for finding in report.findings:
        role = standing.get(finding.key, "")
        shown = f"{role} cause, {confidence(finding, report)}" if role == PRIMARY else role
        lines += [*finding_lines(finding, style, vm=report.vm, disk=name, role=shown), ""]
    lines += _unexplained_lines(report, style, name)
    lines += _recorded_lines(report, style)
    lines += _doubt_lines(report, style)
    lines.append(_verdict(report, style))
    if steps:
        lines += _next_steps(report, name)
    return "\n".join(lines) + "\n"


def machine_lines(machine: MachineSummary, style: Style, *, name: str) -> Iterator[str]:
    """The disk and its volumes."""
    title = style(plain(name), "bold")
    if machine.format == "directory":
        yield f"{title}   a directory"
    else:
        table = f"{machine.scheme}, " if machine.scheme != "none" else ""
        form = FORMATS.get(machine.format, machine.format)
        yield f"{title}   {form}, {size_text(machine.size)} · {table}generation {machine.generation}"
    rows = [_volume_row(volume) for volume in machine.volumes]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for role, number, what, contents in rows:
        yield f"  {role:<{widths[0]}}  {number:>{widths[1]}}  {what:<{widths[2]}}   {contents}".rstrip()


def _volume_row(volume: VolumeSummary) -> tuple[str, str, str, str]:
    names = {"system": "system volume", "windows": "Windows volume", "recovery": "recovery"}
    role = " + ".join(names[role] for role in volume.roles) or "-"
    role = role.replace("system volume + Windows volume", "system and Windows volume")
    label = f' "{volume.label}"' if volume.label else ""
    size = f" {size_text(volume.size)}" if volume.size else ""
    return role, str(volume.number), plain(f"{volume.kind}{label}{size}"), plain(volume.contents)


def finding_lines(finding: Finding, style: Style, *, vm: str = "", disk: str = "", role: str = "") -> Iterator[str]:
    """One finding: rule, sentence, evidence, fix, where to read more."""
    mark, colour = MARKS[finding.severity]
    yield style(f"{mark} {finding.rule}", colour, "bold") + _stops(finding) + (f"   ({role})" if role else "")
    sentence = plain(finding.sentence)
    yield from textwrap.wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False)
    yield from _evidence_lines(finding.evidence)
    undoable = " · undoable" if finding.applicability is not Applicability.MANUAL else ""
    yield plain(f"  fix: {applicability_text(finding.applicability)} · {finding.fix}{undoable}")
    yield f"  more: {explain_command(finding.rule, disk=disk, vm=vm)}"


def _stops(finding: Finding) -> str:
    if not finding.stop_codes:
        return ""
    codes = ", ".join(short_code(code) for code in finding.stop_codes)
    names = find_rule(finding.rule).RULE.names
    name = f" {names[0]}" if names and len(finding.stop_codes) == 1 else ""
    return f"   stops with {codes}{name}"


def _evidence_lines(evidence: Iterable[Evidence]) -> Iterator[str]:
    rows = [(plain(one.what), plain(one.where), plain(one.found), plain(one.expected)) for one in evidence]
    kinds = max((len(row[0]) for row in rows), default=0)
    places = max((len(row[1]) for row in rows if len(row[1]) <= WIDEST_PLACE), default=0)
    for what, where, found, expected in rows:
        wanted = f"  (expected: {expected})" if expected else ""
        yield f"    {what:<{kinds}}  {where:<{places}}  {found}{wanted}".rstrip()


def applicability_text(applicability: Applicability) -> str:
    """Whether a fix needs consent, in a word or two."""
    return {
        Applicability.SAFE: "safe",
        Applicability.UNSAFE: "needs consent (--unsafe)",
        Applicability.MANUAL: "by hand",
    }[applicability]


def short_code(code: str) -> str:
    """``0x00000067`` as ``0x67``."""
    return f"0x{int(code, 16):X}"


def _screen_lines(report: Report, style: Style) -> Iterator[str]:
    """What the screen shows, where one was given; its code is loaded only then."""
    if report.screen is not None:
        from bootmend.views.screens import screen_lines

        yield from screen_lines(report.screen, style)


def _recorded_lines(report: Report, style: Style) -> Iterator[str]:
    """What the machine itself recorded, where it was asked for; a blank line after it."""
    if report.evidence is not None:
        from bootmend.views.evidence import evidence_lines

        yield from evidence_lines(report.evidence, style)
        yield ""


def reported(report: Report) -> tuple[str, ...]:
    """The unexplained codes of which nothing has been said with the screen."""
    shown = report.screen.shown.codes if report.screen else ()
    return tuple(code for code in report.unexplained if code not in shown)


def _unexplained_lines(report: Report, style: Style, name: str) -> Iterator[str]:
    for code in reported(report):
        yield style(f"{short_code(code)} was reported, but nothing on this disk explains it. Nothing was written.", "yellow")
    for offer in report.offers:
        yield plain(f"  possible next: {offer.sentence}")
        yield plain(f"    it {offer.fix}; only with your consent:")
        yield f"    {repair_command(name, codes=report.codes, offer=offer.rule, vm=report.vm, verb='plan')}"
    if reported(report) or report.offers:
        yield ""


def _doubt_lines(report: Report, style: Style) -> Iterator[str]:
    """What could not be told, and what is worth knowing; a blank line after it."""
    doubts: dict[str, list[str]] = {}
    for one in report.inconclusive:
        doubts.setdefault(one.reason, []).append(one.rule)
    yield from (
        style(plain(f"? {', '.join(rules)}: could not be judged: {reason}"), "yellow") for reason, rules in doubts.items()
    )
    yield from (plain(f"note: {remark}") for remark in report.remarks)
    if report.inconclusive or report.remarks:
        yield ""


def _verdict(report: Report, style: Style) -> str:
    cost = f"{report.seconds:.2f} s, {size_text(report.bytes_read)} read"
    count = len(report.problems)
    if count:
        return f"{style(f'{count} problem' + 's' * (count > 1), 'bold')}. Nothing was written.   {cost}"
    if report.inconclusive:
        return f"{style('No problem found, but not everything could be judged.', 'bold')} Nothing was written.   {cost}"
    if report.verdict == "unexplained":
        return f"{style('No problem found that explains the screen.', 'bold')}   {cost}"
    known = f"none of the {len(report.rules)} known problems is" if len(report.rules) > 1 else f"{report.rules[0]} is not"
    return f"{style('✓ healthy', 'green', 'bold')}: {known} on this disk.   {cost}"


def _next_steps(report: Report, name: str) -> Iterator[str]:
    safe = [one for one in report.problems if one.applicability is Applicability.SAFE]
    unsafe = [one for one in report.problems if one.applicability is Applicability.UNSAFE]
    if safe:
        yield f"next: stop the VM and keep a copy, then  {repair_command(name, rules=report.rules, vm=report.vm)}"
        copy = "--output NEW repairs a copy; " if report.machine.format != "directory" else ""
        yield f"      ({copy}--serial-console also switches on EMS)"
    if unsafe:
        command = repair_command(name, rules=report.rules, unsafe=True, vm=report.vm)
        yield f"next: read  {explain_command(unsafe[0].rule, disk=name, vm=report.vm)}  and decide;"
        yield f"      with your consent:  {command}"


def plan_text(plan: Plan, style: Style, *, name: str, steps: bool = True, kept: str = "", alone: bool = True) -> str:
    """What ``bootmend plan`` prints: the diff, by file and by what in it changes.

    ``kept`` is the file that it was kept in; where the report is not shown before, the plan is ``alone``.
    """
    lines = [*_screen_lines(plan.report, style), *_doubt_lines(plan.report, style)] if alone else []
    if alone and not plan.request.offer:
        lines += _unexplained_lines(plan.report, style, name)
    lines += _empty_plan(plan, style, name) if plan.is_empty else _full_plan(plan, style)
    lines += [plain(f"  left: {one.rule}, {applicability_text(one.applicability)}: {one.sentence}") for one in plan.left]
    if steps:
        lines += _plan_steps(plan, name, kept)
    return "\n".join(lines) + "\n"


def _empty_plan(plan: Plan, style: Style, name: str) -> list[str]:
    if plan.left:
        return [style("Nothing that may be changed without asking.", "bold")]
    if plan.report.inconclusive:
        return [
            f"{style('Nothing to do', 'bold')}: no problem was found, but not everything could be judged. Nothing was written."
        ]
    return [f"{style('Nothing to do', 'bold')}: {plain(name)} needs no repair. Nothing was written."]


def _full_plan(plan: Plan, style: Style) -> list[str]:
    count = len(plan.changes)
    places = plan_places(plan.changes)
    named = " and ".join(where for where, _ in places)
    title = style(f"Plan {plan.id}", "bold")
    lines = [f"{title}: {count} change{'s' * (count > 1)} to {plain(named)}, {size_text(plan.bytes_changed)} written"]
    for where, changes in places:
        lines.append(plain(f"  {where}"))
        lines += change_lines(changes, style)
    lines.append(f"  proved on a copy: {_proof(plan)}")
    return [*lines, *(plain(f"  note: {note}") for note in plan.notes)]


def _proof(plan: Plan) -> str:
    count = len(plan.chosen) if not plan.request.offer else 0
    gone = f"{count} findings gone, " if count > 1 else "finding gone, " * count
    return f"{gone}no new finding, hive checks clean"


def _plan_steps(plan: Plan, name: str, kept: str) -> Iterator[str]:
    consent = [one for one in plan.left if one.applicability is Applicability.UNSAFE]
    if kept and not plan.is_empty:
        yield f"kept as {plain(kept)}; to apply it:  bootmend apply {quoted(kept)}"
    elif not plan.is_empty:
        yield f"next: {repair_command(name, **request_options(plan.request))}"
    if consent:
        options = request_options(plan.request) | {"unsafe": True}
        yield f"next: read  {explain_command(consent[0].rule, disk=name)}  and decide;"
        yield f"      with your consent:  {repair_command(name, **options)}"


def question(plan: Plan, where: str, *, copy_of: str = "") -> str:
    """What is asked before anything is written."""
    what = f"Copy {copy_of} to {where} and write {size_text(plan.bytes_changed)} to the copy?" if copy_of else ""
    what = what or f"Write {size_text(plan.bytes_changed)} to {where}?"
    return f"{what}  A journal is kept; `bootmend undo` restores every byte."


def plan_places(changes: Iterable[Change]) -> list[tuple[str, list[Change]]]:
    """The changes by the file that they are made to, in their order."""
    places: dict[str, list[Change]] = {}
    for change in changes:
        places.setdefault(change.where, []).append(change)
    return list(places.items())


def change_lines(changes: list[Change], style: Style) -> Iterator[str]:
    """The changes of one file: removed red, added green, changed with an arrow."""
    by_group: dict[str, list[Change]] = {}
    for change in changes:
        by_group.setdefault(change.group, []).append(change)
    width = max(len(change.name) for change in changes)
    for group, members in by_group.items():
        yield plain(f"    {group}")
        for change in members:
            yield "      " + _change_line(change, width, style)


def _change_line(change: Change, width: int, style: Style) -> str:
    name = f"{change.name:<{width}}"
    if change.after is None:
        return style(plain(f"- {name}  {change.before}"), "red")
    if change.before is None:
        return style(plain(f"+ {name}  {change.after}"), "green")
    return style(plain(f"~ {name}  {change.before} → {change.after}"), "yellow")
