"""Runs and the catalogue for people at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.views.human import applicability_text, short_code
from bootmend.views.style import Style, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootmend.engine.repair import Outcome, RunEntry
    from bootmend.model import Rule

NOT_STARTED = "Windows has not been started yet."


def run_text(outcome: Outcome, style: Style, *, seconds: float, untouched: str = "") -> str:
    """What ``bootmend repair`` prints after writing; ``untouched`` is the disk whose copy was repaired."""
    gone = ": the fault is gone on the disk" if outcome.cured else ""
    done = style("✓", "green", "bold")
    lines = [f"{done} written, read back, checked again{gone}. {NOT_STARTED}   {seconds:.1f} s"]
    if untouched:
        lines.append(plain(f"  {outcome.target} is the repaired copy; {untouched} is as it was"))
    lines += [plain(f"  left: {one.rule}, {applicability_text(one.applicability)}: {one.sentence}") for one in outcome.left]
    lines += [plain(f"  note: {note}") for note in outcome.notes]
    lines.append(f"run {outcome.run_id}; to take it back:  bootmend undo {outcome.run_id}")
    return "\n".join(lines) + "\n"


def undo_text(outcome: Outcome, style: Style) -> str:
    """What ``bootmend undo`` prints."""
    lines = [f"{style('✓', 'green', 'bold')} {undone_sentence(outcome)}"]
    lines += [plain(f"  note: {note}") for note in outcome.notes]
    if outcome.run_id != outcome.undoes:
        lines.append(f"this undo is run {outcome.run_id}; to take it back:  bootmend undo {outcome.run_id}")
    return "\n".join(lines) + "\n"


def undone_sentence(outcome: Outcome) -> str:
    """What an undo has come to, in a sentence or two."""
    sentence = f"{outcome.target} is as it was before run {outcome.undoes} (checksums match)."
    return plain(f"{sentence} {outcome.after_undo}".rstrip())


def history_text(entries: Sequence[RunEntry], style: Style, *, disk: str = "") -> str:
    """The runs, newest first."""
    if not entries:
        return plain(f"No runs{f' on {disk}' if disk else ''} yet.\n")
    lines = []
    for entry in entries:
        lines.append(f"{style(entry.run_id, 'bold')}  {when_text(entry.when)}  {entry.state:<11}  {plain(entry.target)}")
        lines.append(plain(f"      {entry.summary}"))
    return "\n".join(lines) + "\n"


def when_text(when: str) -> str:
    """``2026-11-22T17:43:21.946449Z`` as ``2026-11-22 17:43:21 UTC``."""
    return f"{when[:10]} {when[11:19]} UTC" if when.endswith("Z") and when[10:11] == "T" else plain(when)


def catalog_text(rules: Sequence[Rule], style: Style) -> str:
    """The rules, one to a line."""
    width = max((len(rule.id) for rule in rules), default=0)
    lines = []
    for rule in rules:
        codes = ", ".join(short_code(code) for code in (*rule.stop_codes, *rule.status_codes))
        name = style(f"{rule.id:<{width}}", "bold")
        lines.append(f"{name}  {rule.severity:<7}  {rule.applicability:<6}  {rule.title}" + (f"  ({codes})" if codes else ""))
    return "\n".join(lines) + "\n"


def rule_text(rule: Rule, style: Style) -> str:
    """One rule, with everything that is known of it but its article."""
    return "\n".join(_rule_lines(rule, style)) + "\n"


def _rule_lines(rule: Rule, style: Style) -> Iterator[str]:
    yield f"{style(rule.id, 'bold')}   {rule.title}"
    shown = {
        "severity": [str(rule.severity)],
        "repair": [applicability_text(rule.applicability)],
        "stop codes": [short_code(code) for code in rule.stop_codes],
        "status codes": [short_code(code) for code in rule.status_codes],
        "names": list(rule.names),
    }
    for what, values in shown.items():
        if values:
            yield f"  {what:<12}  {', '.join(values)}"
    for what, values in {"screen": list(rule.screen_texts), "reference": list(rule.references)}.items():
        for value in values:
            yield f"  {what:<12}  {value}"
    yield f"  {'article':<12}  bootmend explain {rule.id}"
