"""What a report comes to, in one sentence that is understood in five seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootmend.catalog import find_rule
from bootmend.engine.screen_and_disk import shows
from bootmend.model import Applicability, Severity
from bootmend.views.commands import explain_command, repair_command, request_options
from bootmend.views.human import short_code
from bootmend.views.style import quoted

if TYPE_CHECKING:
    from bootmend.engine.diagnose import Report
    from bootmend.engine.plan import Plan
    from bootmend.engine.repair import Outcome
    from bootmend.model import Finding

MARKS = {"bad": "✗", "warn": "!", "good": "✓", "info": "?"}
SAFETY = {
    Applicability.SAFE: "safe to repair",
    Applicability.UNSAFE: "its repair needs your consent",
    Applicability.MANUAL: "to be repaired by hand",
}


class Headline(NamedTuple):
    """``kind`` is bad, warn, good or info."""

    kind: str
    sentence: str

    @property
    def mark(self) -> str:
        """A sign beside the words, so that colour alone never says it."""
        return MARKS[self.kind]


class NextStep(NamedTuple):
    """What to do, and the command that does it."""

    what: str
    command: str


def report_headline(report: Report) -> Headline:
    """Of a look at a disk."""
    if report.problems:
        return _problem(report.problems)
    if report.inconclusive:
        return Headline("info", "No problem was found, but not everything could be judged")
    screen = report.screen
    if screen is not None and screen.relation == "unexplained":
        return Headline("warn", f"Nothing found on the disk explains {shows(screen.reading)}")
    if report.unexplained:
        return Headline("warn", f"Nothing found on the disk explains {', '.join(map(short_code, report.unexplained))}")
    if len(report.rules) == 1:
        return Headline("good", f"{report.rules[0]} is not on this disk")
    return Headline("good", f"None of the {len(report.rules)} boot failures that were looked for is on this disk")


def _problem(problems: tuple[Finding, ...]) -> Headline:
    first = problems[0]
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    kind = "bad" if first.severity is Severity.ERROR else "warn"
    if not first.stop_codes:
        return Headline(kind, first.title + more)
    names = find_rule(first.rule).RULE.names
    name = f" {names[0]}" if names and len(first.stop_codes) == 1 else ""
    return Headline(kind, f"Windows stops with {' or '.join(map(short_code, first.stop_codes))}{name}{more}")


def outcome_headline(outcome: Outcome) -> Headline:
    """Of a repair that was written."""
    if outcome.left:
        return Headline("warn", f"Repaired; {_count(len(outcome.left), 'problem')} left on the disk")
    return Headline("good", "Repaired: the fault is gone on the disk" if outcome.cured else "Written and checked on the disk")


def tally(report: Report) -> str:
    """``1 problem, safe to repair``."""
    problems = report.problems
    if not problems:
        return "no problem found"
    safe = {one.applicability for one in problems}
    return _count(len(problems), "problem") + (f", {SAFETY[safe.pop()]}" if len(safe) == 1 else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def report_steps(report: Report, name: str) -> list[NextStep]:
    """What to do after a look."""
    kinds = {one.applicability for one in report.problems}
    steps = []
    if Applicability.SAFE in kinds:
        command = repair_command(name, rules=report.rules, vm=report.vm)
        steps.append(NextStep("Stop the machine, keep a copy of the disk, then repair it (every byte can be put back):", command))
    for one in report.problems:
        if one.applicability is not Applicability.SAFE:
            steps.append(NextStep("Read this, and decide:", explain_command(one.rule, disk=name, vm=report.vm)))
            break
    if Applicability.UNSAFE in kinds:
        command = repair_command(name, rules=report.rules, unsafe=True, vm=report.vm)
        steps.append(NextStep("With your consent:", command))
    for offer in report.offers:
        command = repair_command(name, codes=report.codes, offer=offer.rule, vm=report.vm, verb="plan")
        steps.append(NextStep(f"Possible, with your consent. {offer.sentence} It {offer.fix}.", command))
    return steps


def plan_steps(plan: Plan, name: str, kept: str) -> list[NextStep]:
    """What to do with a plan."""
    if plan.is_empty:
        return report_steps(plan.report, name)
    if kept:
        return [NextStep("Stop the machine, keep a copy of the disk, then apply the plan:", f"bootmend apply {quoted(kept)}")]
    command = repair_command(name, **request_options(plan.request))
    return [NextStep("Stop the machine, keep a copy of the disk, then carry the plan out:", command)]


def run_steps(outcome: Outcome) -> list[NextStep]:
    """What to do after a run: start the machine; the way back."""
    return [NextStep("Start the machine. To take the repair back, byte for byte:", f"bootmend undo {outcome.run_id}")]
