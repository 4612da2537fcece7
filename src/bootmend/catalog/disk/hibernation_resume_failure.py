"""A saved session must be one that Windows can resume.

A resume that was interrupted leaves ``RSTR`` in place of ``HIBR`` at the start of ``hiberfil.sys``: the memory was being read
back and never took over.  Whole sessions (``HIBR``) are what fast startup leaves at every shutdown, and are no fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootmend.machine import own_stores
from bootmend.model import Applicability, Evidence, Finding, Rule, Severity
from bootmend.operations import DeleteElement, DiscardHibernation, SetElement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootmend.machine import BootStore, Machine, Volume, Workspace
    from bootmend.operations import Operation

RULE = Rule(
    id="hibernation-resume-failure",
    title="A saved session cannot be resumed",
    severity=Severity.WARNING,
    applicability=Applicability.UNSAFE,
    stop_codes=("0x000000A0", "0x0000009F"),
    status_codes=("0xC0000411",),
    names=("STATUS_HIBERNATION_FAILURE", "INTERNAL_POWER_ERROR"),
    screen_texts=("Resume from Hibernation", "Your PC couldn't be resumed", "File: \\hiberfil.sys"),
    references=("hibernation file signatures HIBR, RSTR (public notes on hiberfil.sys)", "BCDEdit, resume of {bootmgr}"),
)
HIBERNATION_FILE = "\\hiberfil.sys"
INTERRUPTED = b"RSTR"
SAMPLE_SIZE = 64 << 10
"""bytes of the sample's file: large enough to have clusters of its own"""


def detect(machine: Machine) -> Iterator[Finding]:
    """Look for sessions that Windows began to resume and did not finish."""
    for volume in machine.hibernated:
        if _signature(volume).upper() == INTERRUPTED:
            yield _finding(machine, volume, "Windows was interrupted while it resumed the session saved on")


def offer(machine: Machine) -> Iterator[Finding]:
    """Where a code of a failed resume was seen, a session that looks whole may be why: it can be discarded, with consent."""
    for volume in machine.hibernated:
        yield _finding(machine, volume, "Windows would resume the session saved on")._replace(severity=Severity.NOTE)


def _signature(volume: Volume) -> bytes:
    return volume.tree.open(HIBERNATION_FILE).read_at(0, 4)


def _finding(machine: Machine, volume: Volume, what: str) -> Finding:
    shown = _signature(volume).decode("ascii", "replace")
    flags = [store.where for store in own_stores(machine) if _resumes(store)]
    return Finding(
        rule=RULE.id,
        title=RULE.title,
        severity=Severity.WARNING,
        applicability=Applicability.UNSAFE,
        subject=f"{volume.name} {HIBERNATION_FILE}",
        sentence=f"{what} {volume.name}; without it Windows starts afresh, and what was open and not saved is lost.",
        evidence=(
            Evidence("saved session", volume.where(HIBERNATION_FILE), f"signature {shown}", "no session that failed to resume"),
            *(Evidence("element", f"{where} {{bootmgr}}", "resume Yes") for where in flags),
        ),
        fix="discards the saved session, and tells the boot manager to start afresh" if flags else "discards the saved session",
        details={"volume": str(volume.number)},
    )


def _resumes(store: BootStore) -> bool:
    bootmgr = store.store.get("{bootmgr}")
    element = bootmgr.element("resume") if bootmgr else None
    return element is not None and element.value is True


def repair(finding: Finding, workspace: Workspace) -> Iterator[Operation]:
    """Discard the session, and delete the boot manager's wish to resume one."""
    yield DiscardHibernation(int(finding.details["volume"]))
    for store in own_stores(workspace.machine):
        if _resumes(store):
            yield DeleteElement(store.volume.number, store.path, "{bootmgr}", "resume")


def break_(workspace: Workspace) -> None:
    """Leave a session beside Windows that was being resumed, and a boot manager that tries again."""
    for store in own_stores(workspace.machine):
        SetElement(store.volume.number, store.path, "{bootmgr}", "resume", value=True).do(workspace)
    numbers = [installation.volume.number for installation in workspace.machine.windows]
    workspace.reopen()
    for number in numbers:
        workspace.create_file(number, HIBERNATION_FILE, INTERRUPTED.ljust(SAMPLE_SIZE, b"\1"))
