"""The sections of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.catalog import rule_modules
from bootmend.model import Applicability, Severity
from bootmend.views.change_tables import change_tables
from bootmend.views.commands import explain_command
from bootmend.views.disk_picture import ROLES, disk_picture
from bootmend.views.human import applicability_text, short_code
from bootmend.views.markup import Child, Markup, element
from bootmend.views.outcomes import NOT_STARTED
from bootmend.views.screen_picture import embed, marks_of, picture_with_marks
from bootmend.views.screens import LABELS, facts, summary
from bootmend.views.sources_of_screens import WAYS
from bootmend.views.style import size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bootmend.engine.diagnose import MachineSummary, Report
    from bootmend.engine.plan import Plan
    from bootmend.engine.repair import Outcome
    from bootmend.engine.screen_and_disk import Screen
    from bootmend.model import Finding
    from bootmend.screen import Reading

MOST_PICTURES = 4
MOST_LOG_LINES = 14
SEVERITIES = {Severity.ERROR: ("✗", "bad"), Severity.WARNING: ("!", "warn"), Severity.NOTE: ("·", "info")}
EFFECTS = {Severity.ERROR: "stops Windows", Severity.WARNING: "warning", Severity.NOTE: "note"}


def section(name: str, heading: str, *children: Child) -> Markup:
    """A section that is named by its heading."""
    title = element("h2", heading, id=f"{name}-heading")
    return element("section", title, *children, id=name, aria_labelledby=f"{name}-heading")


def command_line(command: str) -> Markup:
    """A command; one click selects the whole of it, and the keyboard can scroll it."""
    return element("pre", element("code", command), class_="command", tabindex=0)


def table(head: Sequence[str], rows: Iterable[tuple[Child, ...]], *, kind: str = "", caption: str = "") -> Markup:
    """A table whose first column names the rows; empty cells say so to the eye alone."""
    top = element("tr", (element("th", words, scope="col") for words in head))
    body = [element("tr", element("th", first, scope="row"), (element("td", cell) for cell in rest)) for first, *rest in rows]
    title = element("caption", caption, class_="hidden") if caption else None
    return element("table", title, element("thead", top), element("tbody", body), class_=kind or None)


def badge(words: str, kind: str, sign: str = "") -> Markup:
    """A few words that stand out, with a sign before them."""
    mark = element("span", f"{sign} ", aria_hidden="true") if sign else None
    return element("span", mark, words, class_=f"badge {kind}")


# -- the screen ----------------------------------------------------------------------------------
def screen_section(screen: Screen, pictures: Mapping[str, bytes]) -> Markup:
    """What the screen shows, how the disk stands to it, and the pictures themselves."""
    rows = [("shows", summary(screen.reading)), *facts(screen.reading)]
    listed = element("dl", (element("div", element("dt", name), element("dd", value)) for name, value in rows), class_="rows")
    look = (element("p", element("strong", "Look at:")), _listed(screen.look_at)) if screen.look_at else None
    notes = _listed(screen.remarks) if screen.remarks else None
    return section("screen", "The screen", told(screen), _shots(screen, pictures), listed, look, notes)


def told(screen: Screen) -> Markup:
    """How the disk stands to the screen, in one sentence."""
    kind, sign = ("good", "✓") if screen.calm else ("info", "·") if screen.relation == "undecided" else ("warn", "!")
    return element("p", badge(LABELS[screen.relation], kind, sign), " ", screen.sentence, class_=f"told {kind}")


def _shots(screen: Screen, pictures: Mapping[str, bytes]) -> Iterator[Markup]:
    readings = [one for one in screen.shown.readings if one.file in pictures]
    for reading in readings[-MOST_PICTURES:]:
        yield _shot(reading, pictures[reading.file])
    for reading in screen.shown.readings:
        if reading.file not in pictures and reading.text:
            yield _log(reading)


def _shot(reading: Reading, data: bytes) -> Markup:
    picture = embed(data)
    if picture is None:
        return element("p", f"{reading.file} cannot be shown here.", class_="soft")
    marks = marks_of(reading)
    alternative = f"The screen of the machine. Recognised: {summary(reading)}."
    caption = [element("p", element("code", reading.file), f": {summary(reading)}")]
    if marks:
        places = (element("li", element("strong", mark.what), ": ", element("q", mark.text)) for mark in marks)
        caption.append(element("ol", places))
    return element("figure", picture_with_marks(picture, marks, alternative), element("figcaption", caption), class_="shot")


def _log(reading: Reading) -> Markup:
    lines = "\n".join(line.rstrip() for line in reading.text[-MOST_LOG_LINES:])
    caption = element("figcaption", element("p", element("code", reading.file), f": the end of the log, {summary(reading)}"))
    return element("figure", element("pre", lines, tabindex=0), caption, class_="shot")


def _listed(lines: Iterable[str]) -> Markup:
    return element("ul", (element("li", line) for line in lines))


# -- findings ------------------------------------------------------------------------------------
def findings_section(report: Report, name: str, *, repaired: bool) -> Markup:
    """What was found, with its evidence; before the repair, where there was one."""
    explained = {(one.rule, one.subject) for one in report.screen.explained_by} if report.screen else set()
    parts = [_finding(one, name, report.vm, explains=one.key in explained) for one in report.findings]
    mark = badge("not explained", "warn", "!")
    parts += [element("p", mark, f" {short_code(code)} is explained by nothing found here.") for code in report.unexplained]
    nothing = "Nothing: none of the failures that were looked for is on this disk."
    if report.inconclusive:
        nothing = "Nothing, but not everything could be judged: see below."
    heading = "What was found before the repair" if repaired else "What was found on the disk"
    return section("findings", heading, parts or element("p", nothing))


def _finding(finding: Finding, name: str, vm: str, *, explains: bool) -> Markup:
    sign, kind = SEVERITIES[finding.severity]
    badges = [badge(EFFECTS[finding.severity], kind, sign)]
    badges += [badge("explains the screen", "good", "✓")] if explains else []
    badges += [badge(f"{short_code(code)}", "plain") for code in finding.stop_codes]
    rows: list[tuple[Child, ...]] = [
        (one.what, _code(one.where), (_code(one.found), _expected(one.expected))) for one in finding.evidence
    ]
    undoable = "" if finding.applicability is Applicability.MANUAL else " · can be undone"
    fix = (element("strong", "Repair: "), f"{applicability_text(finding.applicability)} · {finding.fix}{undoable}")
    return element(
        "article",
        element("p", badges, class_="badges"),
        element("h3", finding.title),
        element("p", finding.sentence),
        table(("Evidence", "Where", "Found"), rows, kind="evidence", caption=f"Evidence for {finding.rule}"),
        element("p", fix),
        element("p", "Rule ", element("code", finding.rule), class_="soft small"),
        element("p", "More: ", element("code", explain_command(finding.rule, disk=name, vm=vm)), class_="soft small"),
        class_=f"card finding {kind}",
    )


def _code(text: str) -> str:
    return element("code", text) if text else ""


def _expected(text: str) -> str:
    return element("div", "expected: ", text, class_="soft") if text else ""


# -- changes -------------------------------------------------------------------------------------
def plan_section(plan: Plan) -> Markup:
    """What would be changed."""
    heading = "What a repair would change"
    if plan.is_empty:
        return section("changes", heading, element("p", "Nothing."), _left(plan.left))
    count = len(plan.changes)
    words = f"{count} change{'s' * (count > 1)}, {size_text(plan.bytes_changed)} written. Made on a copy in memory and looked at "
    words += "there: no new finding, hive checks clean. "
    proof = element("p", words, element("strong", "Nothing has been written yet."))
    number = element("p", "Plan ", element("code", plan.id), class_="soft small")
    return section("changes", heading, proof, change_tables(plan.changes), _notes(plan.notes), _left(plan.left), number)


def run_section(outcome: Outcome) -> Markup:
    """What was changed."""
    words = f"{size_text(outcome.bytes_written)} written to {outcome.target}, read back, and checked again from the disk. "
    done = element("p", words, element("strong", NOT_STARTED))
    notes = _notes((*outcome.plan_notes, *outcome.notes))
    return section("changes", "What was changed", done, change_tables(outcome.changes), notes, _left(outcome.left))


def _notes(notes: Iterable[str]) -> Markup | None:
    lines = [f"Note: {note}." for note in notes]
    return _listed(lines) if lines else None


def _left(left: Iterable[Finding]) -> Markup | None:
    lines = [f"Left: {one.rule} ({applicability_text(one.applicability)}): {one.sentence}" for one in left]
    return _listed(lines) if lines else None


# -- the disk ------------------------------------------------------------------------------------
def disk_section(machine: MachineSummary) -> Markup:
    """The layout as a picture, and as a table."""
    picture = disk_picture(machine)
    drawn = None
    if picture is not None:
        note = "Widths to scale; small volumes are drawn wider than they are."
        drawn = element("figure", picture, element("figcaption", element("p", note)), class_="layout")
    rows = [
        (
            str(one.number),
            ", ".join(ROLES.get(role, role) for role in one.roles) or "–",
            f"{one.kind}{f' “{one.label}”' if one.label else ''}",
            size_text(one.size) if one.size else "",
            one.contents or "–",
        )
        for one in machine.volumes
    ]
    head = ("Volume", "What for", "File system", "Size", "On it")
    identity = f"{machine.scheme} {machine.disk_id}".strip() if machine.scheme != "none" else ""
    known = element("p", f"Disk identity: {identity}", class_="soft small") if identity else None
    return section("disk", "The disk", drawn, table(head, rows, kind="volumes", caption="The volumes of the disk"), known)


# -- what is not known ---------------------------------------------------------------------------
def not_checked_section(report: Report) -> Markup:
    """What could not be judged, what was left out, and what no look at a disk can tell."""
    reasons: dict[str, list[str]] = {}
    for one in report.inconclusive:
        reasons.setdefault(one.reason, []).append(one.rule)
    lines = [f"Could not be judged: {', '.join(rules)}: {reason}" for reason, rules in reasons.items()]
    left_out = [module.RULE.id for module in rule_modules() if module.RULE.id not in report.rules]
    lines += [f"Not looked for, as asked: {', '.join(left_out)}"] if left_out else []
    lines.append(
        "Windows was not started. Only the failures that the catalogue knows were looked for: not what other programs keep in "
        "their files, not the network, not the hardware."
    )
    if report.screen is None:
        lines.append("No screenshot was given: whether this is what the machine stops with was not compared.")
    remarks = (element("p", element("strong", "Worth knowing:")), _listed(report.remarks)) if report.remarks else None
    return section("unchecked", "What was not checked", _listed(lines), remarks)


def ways_section() -> Markup:
    """How to get the screenshot that was not given."""
    lead = "A picture of the screen says whether what was found is what the machine stops with. Full size, no thumbnail."
    rows: list[tuple[Child, ...]] = [
        (way.where, (way.what, element("pre", element("code", way.command), tabindex=0) if way.command else "")) for way in WAYS
    ]
    shown = table(("Where it runs", "How"), rows, kind="ways", caption="How to get a screenshot")
    again = command_line("bootmend check DISK --screenshot PICTURE")
    return section("ways", "How to get a screenshot", element("p", lead), shown, element("p", "Then look again:"), again)
