"""Reports, plans and runs as pages: Markdown for tickets, HTML for reading and printing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bootmend import __version__
from bootmend.views.blocks import Block, Heading, Lines, Table, Text, to_html, to_markdown
from bootmend.views.commands import explain_command
from bootmend.views.human import applicability_text, change_lines, plan_places, reported, short_code
from bootmend.views.outcomes import NOT_STARTED, undone_sentence, when_text
from bootmend.views.screens import facts, summary
from bootmend.views.style import Style, size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bootmend.article.codes import CodeInfo
    from bootmend.engine.diagnose import Report
    from bootmend.engine.plan import Plan
    from bootmend.engine.repair import Outcome, RunEntry
    from bootmend.engine.screen_and_disk import Screen
    from bootmend.model import Change, Finding, Rule

PLAIN = Style(colour=False)


def _page(blocks: Iterable[Block], output_format: str, title: str) -> str:
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    everything = [Heading(title, 1), *blocks, Text(f"bootmend {__version__}, {made}")]
    return to_html(everything, title) if output_format == "html" else to_markdown(everything)


def report_page(report: Report, *, name: str) -> str:
    """The report of a check, as Markdown."""
    return _page(_report_blocks(report, name), "md", f"Boot report: {report.vm or name}")


def _report_blocks(report: Report, name: str) -> Iterator[Block]:
    yield Text(_verdict(report))
    if report.screen is not None:
        yield from _screen_blocks(report.screen)
    yield from _disk_blocks(report, name)
    yield Heading("Findings")
    if not report.findings:
        yield Text("None.")
    for finding in report.findings:
        yield from _finding_blocks(finding, name, report.vm)
    if report.evidence is not None:
        from bootmend.views.evidence import evidence_blocks

        yield from evidence_blocks(report.evidence)
    yield from _doubts(report)
    cost = f"{size_text(report.bytes_read)} read in {report.seconds:.2f} s"
    yield Text(f"Rules: {', '.join(report.rules)}. {cost}. Nothing was written.")


def _screen_blocks(screen: Screen) -> Iterator[Block]:
    yield Heading("Screen")
    yield Text(screen.sentence)
    rows = [("shows", summary(screen.reading)), *facts(screen.reading)]
    rows += [("look at", place) for place in screen.look_at] + [("note", remark) for remark in screen.remarks]
    yield Table(("What", "Read"), tuple(rows))


def _disk_blocks(report: Report, name: str) -> Iterator[Block]:
    machine = report.machine
    yield Heading("Disk")
    facts = [machine.format]
    if machine.format != "directory":
        facts += [size_text(machine.size), f"{machine.scheme} {machine.disk_id}".strip(), f"generation {machine.generation}"]
    yield Text(f"{name}: {', '.join(facts)}")
    rows = tuple(
        (str(one.number), ", ".join(one.roles), f"{one.kind} {one.label}".strip(), size_text(one.size), one.contents)
        for one in machine.volumes
    )
    yield Table(("Volume", "Role", "File system", "Size", "Contents"), rows)


def _doubts(report: Report) -> Iterator[Block]:
    lines = [f"{one.rule} could not be judged: {one.reason}" for one in report.inconclusive]
    lines += [f"{short_code(code)} was reported, but nothing on this disk explains it." for code in reported(report)]
    lines += [f"Possible next, only with consent: {offer.sentence} It {offer.fix}." for offer in report.offers]
    lines += report.remarks
    if lines:
        yield Heading("Not checked, and remarks")
        yield Table(("What",), tuple((line,) for line in lines))


def _verdict(report: Report) -> str:
    return {
        "healthy": "None of the known problems is on this disk.",
        "problems": f"{len(report.problems)} problem{'s' * (len(report.problems) > 1)} found.",
        "inconclusive": "No problem found, but not everything could be judged.",
        "unexplained": "No problem found that explains the screen.",
    }[report.verdict]


def _finding_blocks(finding: Finding, name: str, vm: str) -> Iterator[Block]:
    codes = "".join(f", stops with {short_code(code)}" for code in finding.stop_codes)
    yield Heading(f"{finding.rule} ({finding.severity}{codes})", 3)
    yield Text(finding.sentence)
    rows = tuple((one.what, one.where, one.found, one.expected) for one in finding.evidence)
    yield Table(("Evidence", "Where", "Found", "Expected"), rows)
    yield Text(f"Fix: {applicability_text(finding.applicability)}; {finding.fix}.")
    yield Lines((explain_command(finding.rule, disk=name, vm=vm),))


def plan_page(plan: Plan, *, name: str) -> str:
    """A plan, as Markdown."""
    return _page(_plan_blocks(plan), "md", f"Plan {plan.id}: {name}")


def _plan_blocks(plan: Plan) -> Iterator[Block]:
    if plan.is_empty:
        yield Text("Nothing to do.")
    else:
        count = len(plan.changes)
        yield Text(f"{count} change{'s' * (count > 1)}, {size_text(plan.bytes_changed)} written; proved on a copy before.")
        yield from _change_blocks(plan.changes)
    for note in plan.notes:
        yield Text(f"Note: {note}.")
    yield from _left_blocks(plan.left)
    if plan.report.screen is not None:
        yield from _screen_blocks(plan.report.screen)
    yield from _doubts(plan.report)


def _left_blocks(left: Iterable[Finding]) -> Iterator[Block]:
    for finding in left:
        yield Text(f"Left: {finding.rule} ({applicability_text(finding.applicability)}): {finding.sentence}")


def _change_blocks(changes: Sequence[Change]) -> Iterator[Block]:
    for where, members in plan_places(changes):
        yield Heading(where, 3)
        yield Lines(tuple(line.removeprefix("    ") for line in change_lines(members, PLAIN)))


def run_page(outcome: Outcome, output_format: str) -> str:
    """What a repair or an undo did."""
    return _page(_run_blocks(outcome), output_format, f"Run {outcome.run_id}: {outcome.target}")


def _run_blocks(outcome: Outcome) -> Iterator[Block]:
    if outcome.kind == "undo":
        yield Text(undone_sentence(outcome))
    else:
        yield Text(f"{size_text(outcome.bytes_written)} written, read back and checked again. {NOT_STARTED}")
        yield from _change_blocks(outcome.changes)
    yield from _left_blocks(outcome.left)
    for note in (*outcome.plan_notes, *outcome.notes):
        yield Text(f"Note: {note}.")
    if outcome.run_id != outcome.undoes:
        yield Lines((f"bootmend undo {outcome.run_id}",))


def history_page(entries: Sequence[RunEntry], output_format: str) -> str:
    """The runs."""
    rows = tuple((entry.run_id, when_text(entry.when), entry.state, entry.target, entry.summary) for entry in entries)
    return _page([Table(("Run", "When", "State", "Target", "What"), rows)], output_format, "Runs")


def catalog_page(rules: Sequence[Rule], output_format: str) -> str:
    """The catalogue."""
    rows = tuple(
        (rule.id, rule.title, ", ".join((*rule.stop_codes, *rule.status_codes)), str(rule.severity), str(rule.applicability))
        for rule in rules
    )
    return _page([Table(("Rule", "Title", "Codes", "Severity", "Repair"), rows)], output_format, "Boot failures")


def codes_page(found: Sequence[CodeInfo], output_format: str, remark: str) -> str:
    """What is known of codes."""
    rows = tuple((one.code, one.name, ", ".join(one.aliases)) for one in found)
    return _page([Table(("Code", "Name", "Other names"), rows), Text(remark)], output_format, "Codes")
