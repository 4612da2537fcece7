"""Reports and plans for people at a terminal."""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

from bootmend.model import Applicability, Severity
from bootmend.views.style import Style, size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.engine.diagnose import MachineSummary, Report, VolumeSummary
    from collections.abc import Sequence

    from bootmend.engine.plan import Plan
    from bootmend.engine.repair import Outcome, RunEntry
    from bootmend.model import Change, Finding, Rule

MARKS = {Severity.ERROR: ("✗", "red"), Severity.WARNING: ("!", "yellow"), Severity.NOTE: ("·", "cyan")}
WIDTH = 110


def report_text(report: Report, style: Style, *, name: str, steps: bool = True) -> str:
    """What ``bootmend check`` prints; ``steps`` adds what to do next."""
    lines = [*machine_lines(report.machine, style, name=name), ""]
    for finding in report.findings:
        lines += [*finding_lines(finding, style, vm=report.vm), ""]
    lines += _offer_lines(report, style, name)
    lines += [style(f"? {one.rule}: could not be judged: {one.reason}", "yellow") for one in report.inconclusive]
    lines += [f"note: {remark}" for remark in report.remarks]
    if report.inconclusive or report.remarks:
        lines.append("")
    lines.append(_verdict(report, style))
    if steps:
        lines += _next_steps(report, name)
    return "\n".join(lines) + "\n"


def machine_lines(machine: MachineSummary, style: Style, *, name: str) -> Iterator[str]:
    """The disk and its volumes."""
    if machine.scheme == "none" and not machine.size:
        yield f"{style(name, 'bold')}   a directory"
    else:
        table = f"{machine.scheme}, " if machine.scheme != "none" else ""
        yield f"{style(name, 'bold')}   {machine.format}, {size_text(machine.size)} · {table}generation {machine.generation}"
    rows = [_volume_row(volume) for volume in machine.volumes]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        role, number, what, contents = row
        yield f"  {role:<{widths[0]}}  {number:>{widths[1]}}  {what:<{widths[2]}}   {contents}".rstrip()


def _volume_row(volume: VolumeSummary) -> tuple[str, str, str, str]:
    names = {"system": "system volume", "windows": "Windows volume", "recovery": "recovery"}
    role = " + ".join(names[role] for role in volume.roles) or "-"
    role = role.replace("system volume + Windows volume", "system and Windows volume")
    label = f' "{volume.label}"' if volume.label else ""
    size = f" {size_text(volume.size)}" if volume.size else ""
    return role, str(volume.number), f"{volume.kind}{label}{size}", volume.contents


def finding_lines(finding: Finding, style: Style, *, vm: str = "") -> Iterator[str]:
    """One finding: rule, sentence, evidence, fix, where to read more."""
    mark, colour = MARKS[finding.severity]
    codes = ", ".join(short_code(code) for code in finding.stop_codes)
    stops = f"   stops with {codes}" if codes else ""
    yield style(f"{mark} {finding.rule}", colour, "bold") + stops
    yield from textwrap.wrap(finding.sentence, WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False)
    width = max((len(one.what) for one in finding.evidence), default=0)
    for one in finding.evidence:
        expected = f" (expected: {one.expected})" if one.expected else ""
        yield f"    {one.what:<{width}}  {one.where}: {one.found}{expected}"
    yield f"  fix: {applicability_text(finding.applicability)} · {finding.fix}" + (
        " · undoable" if finding.applicability is not Applicability.MANUAL else ""
    )
    vm_option = f" --vm {vm}" if vm else ""
    yield f"  more: bootmend explain {finding.rule}{vm_option}"


def applicability_text(applicability: Applicability) -> str:
    """Whether a fix needs consent, in a word or two."""
    return {
        Applicability.SAFE: "safe",
        Applicability.UNSAFE: "needs consent (--unsafe)",
        Applicability.MANUAL: "by hand",
    }[applicability]


def short_code(code: str) -> str:
    """``0x00000067`` as ``0x67``."""
    return f"0x{int(code, 16):X}".replace("0X", "0x")


def _offer_lines(report: Report, style: Style, name: str) -> Iterator[str]:
    for code in report.unexplained:
        yield style(f"{short_code(code)} was reported, but nothing on this disk explains it. Nothing was written.", "yellow")
    for offer in report.offers:
        yield f"  possible next: {offer.sentence}"
        yield f"    it {offer.fix}; only with your consent:  bootmend plan {name} {_codes(report.codes)} --offer {offer.rule}"
    if report.unexplained:
        yield ""


def _codes(codes: Iterable[str]) -> str:
    return " ".join(f"--code {short_code(code)}" for code in codes)


def _verdict(report: Report, style: Style) -> str:
    cost = f"{report.seconds:.2f} s, {size_text(report.bytes_read)} read"
    count = len(report.problems)
    if count:
        return f"{style(f'{count} problem' + 's' * (count > 1), 'bold')}. Nothing was written.   {cost}"
    if report.inconclusive:
        return f"{style('No problem found, but not everything could be judged.', 'bold')} Nothing was written.   {cost}"
    if report.unexplained:
        return f"{style('No problem found that explains the screen.', 'bold')}   {cost}"
    return f"{style('✓ healthy', 'green', 'bold')}: none of the {len(report.rules)} known problems is on this disk.   {cost}"


def _next_steps(report: Report, name: str) -> Iterator[str]:
    safe = [one for one in report.problems if one.applicability is Applicability.SAFE]
    unsafe = [one for one in report.problems if one.applicability is Applicability.UNSAFE]
    if safe:
        yield f"next: stop the VM and keep a copy, then  bootmend repair {name}"
        yield "      (--output NEW repairs a copy; --serial-console also switches on EMS)"
    if unsafe:
        yield f"next: read  bootmend explain {unsafe[0].rule}  and decide; with consent:  bootmend repair {name} --unsafe"


def plan_text(plan: Plan, style: Style, *, name: str) -> str:
    """What ``bootmend plan`` prints: the diff, by file and by what in it changes."""
    if plan.is_empty:
        return _empty_plan(plan, style, name)
    count = len(plan.changes)
    places = list(dict.fromkeys(change.where for change in plan.changes))
    lines = [
        f"{style(f'Plan {plan.id}', 'bold')}: {count} change{'s' * (count > 1)} to {' and '.join(places)}, "
        f"{size_text(plan.bytes_changed)} written"
    ]
    for where, changes in plan_places(plan.changes):
        lines.append(f"  {where}")
        lines += change_lines(changes, style)
    lines.append("  proved on a copy: " + _proof(plan))
    lines += [f"  note: {note}" for note in plan.notes]
    lines += [f"  left: {finding.rule}: {applicability_text(finding.applicability)}" for finding in plan.left]
    return "\n".join(lines) + "\n"


def _proof(plan: Plan) -> str:
    gone = f"{len(plan.chosen)} finding{'s' * (len(plan.chosen) > 1)} gone, " if plan.chosen and not plan.request.offer else ""
    return f"{gone}no new finding, hive checks clean"


def _empty_plan(plan: Plan, style: Style, name: str) -> str:
    if plan.left:
        left = "\n".join(f"  left: {finding.rule}: {applicability_text(finding.applicability)}" for finding in plan.left)
        return f"{style('Nothing that may be changed without asking.', 'bold')}\n{left}\n"
    return f"{style('Nothing to do', 'bold')}: {name} needs no repair. Nothing was written.\n"


def plan_places(changes: Iterable[Change]) -> list[tuple[str, list[Change]]]:
    """The changes by the file that they are made to, in their order."""
    return [(where, list(members)) for where, members in groupby(changes, key=lambda change: change.where)]


def change_lines(changes: list[Change], style: Style) -> Iterator[str]:
    """The changes of one file: removed red, added green, changed with an arrow."""
    by_group: dict[str, list[Change]] = {}
    for change in changes:
        by_group.setdefault(change.group, []).append(change)
    width = max(len(change.name) for change in changes)
    for group, members in by_group.items():
        yield f"    {group}"
        for change in members:
            yield "      " + _change_line(change, width, style)


def _change_line(change: Change, width: int, style: Style) -> str:
    if change.after is None:
        return style(f"- {change.name:<{width}}  {change.before}", "red")
    if change.before is None:
        return style(f"+ {change.name:<{width}}  {change.after}", "green")
    return style(f"~ {change.name:<{width}}  {change.before} → {change.after}", "yellow")


def run_text(outcome: Outcome, style: Style, *, name: str, seconds: float) -> str:
    """What ``bootmend repair`` prints after writing."""
    lines = []
    if outcome.cured:
        lines.append(f"{style('✓', 'green', 'bold')} written, read back, checked again: the fault is gone on the disk. "
                     f"Windows has not been started yet.   {seconds:.1f} s")
    else:
        lines.append(f"{style('✓', 'green', 'bold')} written, read back, checked again.   {seconds:.1f} s")
    lines += [f"  left: {finding.rule}: {finding.sentence}" for finding in outcome.left]
    lines += [f"  note: {note}" for note in outcome.notes]
    lines.append(f"run {outcome.run_id}; to take it back:  bootmend undo {outcome.run_id}")
    return "\n".join(lines) + "\n"


def undo_text(outcome: Outcome, style: Style) -> str:
    """What ``bootmend undo`` prints."""
    if outcome.run_id == outcome.undoes:
        notes = "".join(f"  note: {note}\n" for note in outcome.notes)
        return f"{style('✓', 'green', 'bold')} {outcome.target} is as it was before run {outcome.undoes}.\n{notes}"
    return (
        f"{style('✓', 'green', 'bold')} {outcome.target} is as it was before run {outcome.undoes} (checksums match)."
        + (f" {outcome.after_undo}" if outcome.after_undo else "")
        + f"\nthis undo is run {outcome.run_id}; to take it back:  bootmend undo {outcome.run_id}\n"
    )


def history_text(entries: Sequence[RunEntry], style: Style) -> str:
    """The runs, newest first."""
    if not entries:
        return "No runs yet.\n"
    lines = []
    for entry in entries:
        lines.append(f"{style(entry.run_id, 'bold')}  {entry.when}  {entry.state:<12}  {entry.target}")
        lines.append(f"      {entry.summary}")
    return "\n".join(lines) + "\n"


def catalog_text(rules: Sequence[Rule], style: Style) -> str:
    """The rules, one to a line."""
    width = max((len(rule.id) for rule in rules), default=0)
    lines = []
    for rule in rules:
        codes = ", ".join(short_code(code) for code in (*rule.stop_codes, *rule.status_codes))
        lines.append(f"{style(f'{rule.id:<{width}}', 'bold')}  {rule.severity:<7}  {rule.applicability:<6}  {rule.title}"
                     + (f"  ({codes})" if codes else ""))
    return "\n".join(lines) + "\n"
