"""What has been done on a disk, for the steps of an article: the look at it now, and the runs whose changes are on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootmend.article.steps import Deed
from bootmend.engine.runs import RunState, find_runs_for
from bootmend.engine.state import may_have_runs
from bootmend.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootmend.engine.diagnose import Report
    from bootmend.engine.runs import Run

MOST_RUNS = 50
_NOT_OURS = (ReadError, AttributeError, KeyError, TypeError, ValueError)  # of a journal that is damaged, or not as we write it


def deeds_of(report: Report, rule: str) -> tuple[Deed, ...]:
    """What was done about a rule's fault, the newest first.

    A fault that is on the disk now has not been repaired, whatever runs there were: only the check counts then.
    """
    found = sum(finding.rule == rule for finding in report.findings)
    deeds = [_check(report, rule, found)]
    if may_have_runs(report.path):
        deeds += _run_deeds(report.path, rule, repaired=not found)
    return tuple(deeds)


def repaired_details(runs: Iterable[Run], rule: str) -> dict[str, str]:
    """The details of a rule's fault, as the newest of these runs found it; none where no run did."""
    for run in runs:
        try:
            found = [finding["details"] for finding in run.info.get("findings", ()) if finding["rule"] == rule]
            if found:
                return {str(name): str(value) for name, value in found[0].items()}
        except _NOT_OURS:
            continue
    return {}


def _check(report: Report, rule: str, found: int) -> Deed:
    if not rule:
        return Deed("check", "", "looked at now, nothing was written", f"the verdict is {report.verdict}")
    judged = next((one.reason for one in report.inconclusive if one.rule == rule), "")
    if judged:
        outcome = f"{rule} could not be judged: {judged}"
    else:
        outcome = f"{rule} is on the disk" if found else f"{rule} is not on the disk"
    return Deed("check", "", "looked at now, nothing was written", outcome)


def _run_deeds(disk: str, rule: str, *, repaired: bool) -> Iterator[Deed]:
    runs = [run for run in reversed(find_runs_for(disk)) if run.kind != "undo"][:MOST_RUNS]
    if runs and runs[0].state is RunState.UNDONE:
        yield Deed("undo", "", f"run {runs[0].id}", f"taken back {_when(runs[0].states[-1][1])}")
    for run in runs:
        if repaired and run.state is RunState.COMMITTED:
            try:
                yield from _deeds(run, run.info, rule)
            except _NOT_OURS:
                continue


def _deeds(run: Run, info: dict[str, Any], rule: str) -> Iterator[Deed]:
    by = f"run {run.id}, {_when(run.started)}"
    if any(finding["rule"] == rule for finding in info.get("findings", ())):
        yield Deed("repair", "", by, "written, read back, and looked at again: the fault is gone")
    for step in info.get("steps", ()):
        for change in step["changes"]:
            yield Deed(str(step["kind"]), str(change["name"]).replace(" ", "-"), by, _outcome(change))
    yield from _typed(str(info.get("summary", "")), by)


def _outcome(change: dict[str, Any]) -> str:
    name, before, after = change["name"], change["before"], change["after"]
    if after is None:
        return f"{name} deleted (was {before})"
    return f"{name} set to {after}" + (f" (was {before})" if before is not None else "")


def _typed(summary: str, by: str) -> Iterator[Deed]:
    """What somebody typed as a bcdedit command, which makes its changes in the same words."""
    program, _, line = summary.partition(" ")
    verb, *words = line.split() or [""]
    kind = {"/deletevalue": "delete-element", "/set": "set-element"}.get(verb.lower())
    if program == "bcdedit" and kind and words:
        element = next((word for word in words if not word.startswith(("{", "/"))), "")
        yield Deed(kind, element, by, summary)


def _when(when: str) -> str:
    """``2026-11-22T17:43:21.946449Z`` as ``2026-11-22 17:43 UTC``."""
    return f"{when[:10]} {when[11:16]} UTC"
