"""Which of several findings is the one: what stops the machine first, what would stop it next, what has nothing to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.catalog import find_rule
from bootmend.model import Phase, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bootmend.engine.diagnose import Report
    from bootmend.model import Finding

PRIMARY = "primary"
CONTRIBUTING = "contributing"
UNRELATED = "unrelated"
ROLES = (PRIMARY, CONTRIBUTING, UNRELATED)

CERTAIN = "certain"
LIKELY = "likely"
POSSIBLE = "possible"
CONFIDENCES = (CERTAIN, LIKELY, POSSIBLE)

_SEVERITIES = tuple(Severity)
_PHASES = tuple(Phase)


def ranked(findings: Iterable[Finding], codes: Collection[str] = ()) -> list[Finding]:
    """Findings in the order in which they matter.

    What explains a code that was seen comes first.  Then errors before warnings, and among equals what stops the
    start earlier: nothing behind it can be reached before it is mended.
    """
    seen = set(codes)

    def key(finding: Finding) -> tuple[bool, int, int]:
        explains = not seen.isdisjoint(codes_of(finding))
        return not explains, _SEVERITIES.index(finding.severity), _PHASES.index(find_rule(finding.rule).RULE.phase)

    return sorted(findings, key=key)


def codes_of(finding: Finding) -> tuple[str, ...]:
    """The codes that a finding can show as: its own stop codes, and the status codes of its rule."""
    return (*finding.stop_codes, *find_rule(finding.rule).RULE.status_codes)


def roles(report: Report) -> dict[tuple[str, str], str]:
    """The role of each finding of a report, by the finding's key.

    The first problem is the primary one.  Another is contributing where it would stop the machine too, or explains
    the same code; a warning that stops nothing and explains nothing is unrelated, and so is a note.
    """
    found: dict[tuple[str, str], str] = {}
    for finding in report.findings:
        if finding.severity is Severity.NOTE:
            found[finding.key] = UNRELATED
        elif PRIMARY not in found.values():
            found[finding.key] = PRIMARY
        else:
            found[finding.key] = _beside_the_first(finding, report)
    return found


def _beside_the_first(finding: Finding, report: Report) -> str:
    if report.codes:
        return CONTRIBUTING if _explains(finding, report) else UNRELATED
    return CONTRIBUTING if finding.severity is Severity.ERROR else UNRELATED


def _explains(finding: Finding, report: Report) -> bool:
    return not set(report.codes).isdisjoint(codes_of(finding))


def confidence(finding: Finding, report: Report) -> str:
    """How sure it is that this is why the machine does not start, in a word.

    Certain: an error that was read off the disk, with nothing left unjudged, and no code that speaks against it.
    Likely: an error all the same, but something could not be judged, or a code was seen that it does not explain.
    Possible: a warning or a note.
    """
    if finding.severity is not Severity.ERROR:
        return LIKELY if _explains(finding, report) else POSSIBLE
    if report.codes and not _explains(finding, report):
        return POSSIBLE
    blind = [one for one in report.inconclusive if not finding.hides or one.rule not in HIDDEN]
    return LIKELY if blind else CERTAIN


HIDDEN = frozenset(("partition table", "volumes", "stores"))
"""what is inconclusive because of a fault that hides it"""
